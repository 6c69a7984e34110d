"""What has ended stays: of a person and a role one assignment is open, and any number are history."""

from __future__ import annotations

import django.db.models.deletion
from django.apps.registry import Apps
from django.conf import settings
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def end(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    rows = apps.get_model("rbac", "Assignment").objects.using(schema_editor.connection.alias)
    rows.filter(is_active=False).update(is_open=None)


def keep_one(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Of a person and a role one row fits into the older table: the open one, else the last."""
    rows = apps.get_model("rbac", "Assignment").objects.using(schema_editor.connection.alias)
    kept = set()
    for pk, user_id, role_id, _is_open in sorted(
        rows.values_list("pk", "user_id", "role_id", "is_open"), key=lambda row: (row[3] is not True, -row[0])
    ):
        if (user_id, role_id) in kept:
            rows.filter(pk=pk).delete()
        kept.add((user_id, role_id))


class Migration(migrations.Migration):
    dependencies = [
        ("rbac", "0004_system_key"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="assignment",
            name="assignment_user_role",
        ),
        migrations.RemoveField(
            model_name="role",
            name="is_system",
        ),
        migrations.AddField(
            model_name="assignment",
            name="end_reason",
            field=models.CharField(blank=True, editable=False, max_length=300, verbose_name="reason for the end"),
        ),
        migrations.AddField(
            model_name="assignment",
            name="ended_at",
            field=models.DateTimeField(blank=True, editable=False, null=True, verbose_name="ended"),
        ),
        migrations.AddField(
            model_name="assignment",
            name="ended_by",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="ended by",
            ),
        ),
        migrations.AddField(
            model_name="assignment",
            name="is_open",
            field=models.BooleanField(default=True, editable=False, null=True),
        ),
        migrations.RunPython(end, keep_one),
        migrations.AddConstraint(
            model_name="assignment",
            constraint=models.UniqueConstraint(fields=("user", "role", "is_open"), name="assignment_open"),
        ),
        migrations.AddConstraint(
            model_name="assignment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("is_open", True), models.Q(("is_active", False), ("is_open__isnull", True)), _connector="OR"
                ),
                name="assignment_ended_is_inactive",
            ),
        ),
    ]
