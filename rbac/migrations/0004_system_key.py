"""System roles are known by a key of their own, not by their name, which an admin may have taken for another role."""

from __future__ import annotations

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def fill(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    rows = apps.get_model("rbac", "Role").objects.using(schema_editor.connection.alias)
    rows.filter(is_system=True).update(system_key=models.F("name_key"))


def put_back(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    rows = apps.get_model("rbac", "Role").objects.using(schema_editor.connection.alias)
    rows.filter(system_key__isnull=False).update(is_system=True)


class Migration(migrations.Migration):
    dependencies = [("rbac", "0003_value_key")]

    operations = [
        migrations.AddField(
            model_name="role",
            name="system_key",
            field=models.CharField(editable=False, max_length=20, null=True, unique=True),
        ),
        migrations.AddField(
            model_name="role",
            name="version",
            field=models.PositiveIntegerField(default=1, editable=False),
        ),
        migrations.RunPython(fill, put_back),
    ]
