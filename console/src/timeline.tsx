/** When the frames of an answer were planned, and when they came: two rows of ticks on one axis. */
import { time } from "./parts";

interface Props {
  /** Milliseconds since the request. */
  planned: readonly number[];
  actual: readonly number[];
  /** The index in `actual` of a tick to point out. */
  chosen?: number;
  /** How late each planned one was, in milliseconds. */
  late: readonly number[];
  /** What the second row shows. */
  name?: string;
}

const WIDTH = 1000;

export function Timeline({ planned, actual, chosen, late, name = "came" }: Props) {
  const longest = Math.max(1, ...[planned.at(-1), actual.at(-1)].map((each) => each ?? 0));
  const ticks = (times: readonly number[], top: number) =>
    times.map((at) => `M${((at / longest) * WIDTH).toFixed(1)} ${top}v14`).join("");
  const worst = late.length ? Math.max(...late) : null;
  const told =
    worst === null
      ? "no planned times known"
      : `latest ${time(Math.max(0, worst))} behind its plan${planned.length > 1 ? ` of ${planned.length} chunks` : ""}`;
  return (
    <figure class="timeline">
      <div class="timeline-names" aria-hidden="true">
        <span>planned</span>
        <span>{name}</span>
      </div>
      <svg
        viewBox={`-2 0 ${WIDTH + 4} 40`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${actual.length} frames in ${time(longest)}; ${told}`}
      >
        <path class="axis" d={`M0 20H${WIDTH}`} />
        <path class="planned" d={ticks(planned, 3)} />
        <path class="actual" d={ticks(actual, 23)} />
        {chosen !== undefined && actual[chosen] !== undefined && (
          <path class="chosen" d={ticks([actual[chosen]], 23)} />
        )}
      </svg>
      <figcaption>
        <span>0 ms</span>
        <span>{told}</span>
        <span>{time(longest)}</span>
      </figcaption>
    </figure>
  );
}
