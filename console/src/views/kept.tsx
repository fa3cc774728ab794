/** Sequences that are expected again: saved, and checked. */
import { type Mock } from "../api";
import { type Exchange } from "../exchange";
import { difference, keep, kept, replay, sequence, type Expected } from "../expected";
import { parsed } from "../frames";
import { begin, verdict } from "../trial";

export function Keep({ exchange: running }: { exchange: Exchange }) {
  const save = () => {
    const first = running.turns[0]?.request ?? "";
    const text = parsed(first)?.messages?.at(-1)?.content ?? parsed(first)?.input ?? parsed(first)?.content ?? first;
    const name = `${running.question.endpoint} ${running.question.wire}: ${String(text).slice(0, 40)}`;
    const expected = { name, question: running.question, turns: sequence(running) };
    const same = (each: Expected) => each.name === name && each.question.mock === expected.question.mock;
    keep([...kept.peek().filter((each) => !same(each)), expected]);
    verdict.value = null;
  };
  return (
    <button type="button" class="small" onClick={save}>
      Save as expected
    </button>
  );
}

export function Kept({ mock: of }: { mock: Mock }) {
  const mine = kept.value.filter((each) => each.question.mock === of.id);
  if (mine.length === 0) return null;
  const check = async (expected: Expected) => {
    const again = begin(expected.question);
    await replay(expected, again);
    verdict.value = { name: expected.name, difference: difference(expected.turns, sequence(again)) };
  };
  return (
    <div class="section">
      <h2>Expected sequences</h2>
      <ul class="plain-list">
        {mine.map((each) => (
          <li key={each.name} class="bar">
            <span class="grow clip">{each.name}</span>
            <button type="button" class="small" onClick={() => check(each)}>
              Check again
            </button>
            <button
              type="button"
              class="small quiet"
              aria-label={`Forget ${each.name}`}
              onClick={() => keep(kept.peek().filter((other) => other !== each))}
            >
              Forget
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
