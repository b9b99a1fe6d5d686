"""Step 10: what is said of each image (alternative text, caption) and a better prompt for making it again."""

from pydantic import Field

from pressrun.steps.config import Output


class ImageDescription(Output):
    alt: str = Field(description="What the image shows to someone who cannot see it, at most 125 characters.")
    caption: str = Field(description="One sentence that adds something the picture does not say.")
    refined_prompt: str = Field(description="The image prompt, improved, in English.")
