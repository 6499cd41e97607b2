"""Which API a model's name means, what it lacks to be used, and its errors in words.

pydantic-ai takes one to two seconds to import: it is imported inside functions that
run in a thread, never with the module.
"""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zwarm_tui.core.errors import ExecutorError

if TYPE_CHECKING:
    from pydantic_ai.models import Model

_OPENAI = ("openai", "openai-chat", "openai-responses")
_KEYS = {
    "openai": ("OPENAI_API_KEY",),
    "openai-chat": ("OPENAI_API_KEY",),
    "openai-responses": ("OPENAI_API_KEY",),
    "anthropic": ("ANTHROPIC_API_KEY",),
    "google": ("GOOGLE_API_KEY", "GEMINI_API_KEY"),
}
_PACKAGES = {"anthropic": "anthropic", "google": "google.genai", "groq": "groq", "mistral": "mistralai"}


@dataclass(frozen=True, slots=True)
class ModelSource:
    """Where models come from: `model` is the default ("provider:name", or a bare name
    with a `base_url`), `key_env` names the variable that holds the key (None: the
    provider's usual one). At a base URL, OpenAI's chat completions are spoken, or its
    responses API where the provider says `openai-responses`."""

    model: str
    base_url: str | None = None
    key_env: str | None = None

    def split(self, model: str | None = None) -> tuple[str, str]:
        """(provider, name) of `model`, or of the default one. ExecutorError: no provider."""
        wanted = model or self.model
        provider, _, name = wanted.partition(":")
        if self.base_url:  # there a name may hold a colon of its own ("qwen3:8b")
            return (provider, name) if name and provider in _KEYS else ("openai", wanted)
        if provider and name:
            return provider, name
        raise ExecutorError(f"model '{wanted}' names no provider: write it as openai:{wanted or 'MODEL'}")

    @property
    def keys(self) -> tuple[str, ...]:
        """The variables one of which has to hold the key; () where none is needed."""
        if self.key_env:
            return (self.key_env,)
        if self.base_url:
            return ()
        return _KEYS.get(self.split()[0], ())

    def problem(self) -> str | None:
        """Why no model of this source can be used here, in a sentence; None: it can."""
        if importlib.util.find_spec("pydantic_ai") is None:
            return "API models need pydantic-ai: install zwarm-tui[pilot]"
        try:
            provider, _ = self.split()
        except ExecutorError as error:
            return str(error)
        if provider in _OPENAI and importlib.util.find_spec("openai") is None:
            return "OpenAI's API needs the openai package: install zwarm-tui[pilot]"
        package = _PACKAGES.get(provider)
        if package and importlib.util.find_spec(package.partition(".")[0]) is None:
            return f"{provider} models need a package more: install 'pydantic-ai-slim[{provider}]'"
        if self.keys and not any(os.environ.get(name) for name in self.keys):
            return f"no API key: set {' or '.join(self.keys)}"
        return None

    def build(self, model: str | None = None) -> Model:
        """The model, ready for requests; slow the first time (it imports the library).
        ExecutorError: what is missing."""
        if problem := self.problem():
            raise ExecutorError(problem)
        from pydantic_ai.exceptions import UserError
        from pydantic_ai.models import infer_model
        from pydantic_ai.providers import infer_provider, infer_provider_class

        provider, name = self.split(model)
        key = os.environ.get(self.key_env) if self.key_env else None
        try:
            if self.base_url and provider in _OPENAI:
                return self._compatible(provider, name, key)
            given = {k: v for k, v in (("api_key", key), ("base_url", self.base_url)) if v}
            return infer_model(
                f"{provider}:{name}",
                lambda p: infer_provider_class(p)(**given) if given else infer_provider(p),
            )
        except (UserError, ImportError, ValueError, TypeError) as error:
            raise ExecutorError(f"model '{provider}:{name}' can't be used: {error}") from error

    def _compatible(self, provider: str, name: str, key: str | None) -> Model:
        from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
        from pydantic_ai.profiles.openai import OpenAIModelProfile
        from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

        # this provider never sends OPENAI_API_KEY by itself: a key goes only where it was
        # set for. A stream that just stops is an error, not an answer.
        service = OpenAICompatibleProvider(
            "openai-compatible",
            base_url=self.base_url or "",
            api_key=key,
            profile=OpenAIModelProfile(openai_chat_streaming_requires_finish_reason=True),
        )
        if provider == "openai-responses":
            return OpenAIResponsesModel(name, provider=service)
        return OpenAIChatModel(name, provider=service)

    def explain(self, error: Exception, model: str | None = None) -> str:
        """An error of the API as a sentence: what happened, and what to look at."""
        from pydantic_ai.exceptions import ModelConnectionError, ModelHTTPError

        provider, name = self.split(model)
        where = self.base_url or provider
        if isinstance(error, ModelHTTPError):
            text = f"{where} answered {error.status_code}: {_message(error.body) or 'no reason given'}"
            if error.status_code in (401, 403):
                keys = " or ".join(self.keys)
                return f"{text} (check the key in {keys})" if keys else f"{text} (set api_key_env)"
            return f"{text} (is '{name}' the model's name?)" if error.status_code == 404 else text
        if isinstance(error, ModelConnectionError):
            cause = error.__cause__.__cause__ if error.__cause__ else None
            return f"the connection to {where} failed: {cause or error}"
        return str(error).strip() or type(error).__name__


def _message(body: Any) -> str:
    """The sentence in an error's body, whose shape differs from API to API."""
    if isinstance(body, dict):
        inner = body.get("error")
        return _message(inner) if isinstance(inner, dict) else str(body.get("message") or inner or body)
    return str(body or "").strip()
