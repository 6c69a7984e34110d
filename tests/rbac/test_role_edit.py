from __future__ import annotations

from accounts.models import User
from rbac.role_map import current_role_map
from tests.rbac.conftest import AsPerson, Roles


def test_locked_boxes_are_not_sent_and_stay(as_person: AsPerson, admin: User, roles: Roles) -> None:
    viewer = roles["viewer"]
    client = as_person(admin)
    page = client.get(f"/roles/{viewer.public_id}/edit/").text
    assert page.count(" checked disabled") >= 3
    client.post(f"/roles/{viewer.public_id}/edit/", {"description": "Looks on", "permissions": ["usage.read"]})
    assert current_role_map().own[viewer.pk] == {"settings.read", "flags.read", "audit.read", "usage.read"}
    viewer.refresh_from_db()
    assert (viewer.name, viewer.priority, viewer.description) == ("Viewer", 20, "Looks on")
