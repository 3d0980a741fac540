"""Files of viewers: kept when they come, checked, then taken in piece by piece."""

from services.profile.actions.import_lines import KIND
from services.profile.actions.imports.listing import exists, exposed, page, shown
from services.profile.actions.imports.reports import errors
from services.profile.actions.imports.running import forget, remove, run, step
from services.profile.actions.imports.uploads import upload

__all__ = ["KIND", "errors", "exists", "exposed", "forget", "page", "remove", "run", "shown", "step", "upload"]
