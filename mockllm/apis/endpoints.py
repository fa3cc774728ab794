"""The APIs that need to know nothing but a request, for `Mock.answer`."""

from __future__ import annotations

from mockllm.apis import chat, chat_request, embeddings, embeddings_request, errors, replies


class Chat:
    """Chat Completions."""

    decode = staticmethod(chat_request.decode)
    reply = staticmethod(chat.reply)
    error_reply = staticmethod(replies.error_reply)
    model_not_found = staticmethod(errors.model_not_found)


class Embeddings:
    """Embeddings."""

    decode = staticmethod(embeddings_request.decode)
    reply = staticmethod(embeddings.reply)
    error_reply = staticmethod(replies.error_reply)
    model_not_found = staticmethod(errors.model_not_found)
