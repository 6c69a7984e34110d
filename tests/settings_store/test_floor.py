"""The trail must outlive the people in it, so its floor stands without them."""

from django.db.migrations.loader import MigrationLoader

FLOOR = "settings_store"


def test_no_migration_and_no_field_of_the_floor_reaches_a_higher_one() -> None:
    loader = MigrationLoader(None)
    for (app, name), migration in loader.disk_migrations.items():
        if app == FLOOR:
            assert {needed for needed, _name in migration.dependencies} <= {FLOOR}, name
    for (app, name), state in loader.project_state().models.items():
        if app == FLOOR:
            reached = {field.remote_field.model for field in state.fields.values() if field.remote_field}
            assert all(str(model).lower().startswith(f"{FLOOR}.") for model in reached), (name, reached)
