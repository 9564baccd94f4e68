"""The video service's settings."""

from typing import Annotated

from huntaze_common.secret import Secret
from huntaze_common.settings import ObjectStoreSettings, Url
from msgspec import Meta

Price = Annotated[float, Meta(ge=0)]


class VideoSettings(ObjectStoreSettings, frozen=True, kw_only=True):
    """Beside what every worker and the object store need."""

    max_source_bytes: Annotated[int, Meta(ge=1)] = 500 * 1024 * 1024
    """Larger videos are refused."""
    max_source_seconds: Annotated[float, Meta(gt=0)] = 1800.0
    """Longer videos are refused."""
    phi4_endpoint: Url | None = None
    """OpenAI-compatible base URL of the multimodal model; without it the analysis is skipped."""
    phi4_api_key: Secret | None = None
    phi4_model: str = "Phi-4-multimodal-instruct"
    phi4_usd_per_million_input: Price = 0.08
    """What the endpoint's owner charges for a million tokens; for the record of costs."""
    phi4_usd_per_million_output: Price = 0.32
