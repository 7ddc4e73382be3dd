"""An example of one's own labeler; a table names it `labelers.ad_scene:ad_scene`. See README.md."""

from labelers.api import Payload


def ad_scene(payload: Payload) -> list[int]:
    """Label 1125 for images uploaded in the advertising scene."""
    return [1125] if payload.json.get("parameters", {}).get("scene") == "ad_upload" else []
