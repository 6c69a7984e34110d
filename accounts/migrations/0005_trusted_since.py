"""When a browser was remembered, so that a shorter time that is decided later holds for it too."""

from __future__ import annotations

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def date_from_last_sign_in(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Nobody noted the day; a browser was remembered at its last sign-in or before."""
    devices = apps.get_model("accounts", "Device").objects.using(schema_editor.connection.alias)
    devices.exclude(trusted_until=None).update(trusted_since=models.F("last_seen_at"))


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_acting_sessions")]

    operations = [
        migrations.AddField(
            model_name="device",
            name="trusted_since",
            field=models.DateTimeField(blank=True, editable=False, null=True, verbose_name="remembered"),
        ),
        migrations.RunPython(date_from_last_sign_in, migrations.RunPython.noop),
    ]
