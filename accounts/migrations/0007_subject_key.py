"""Subjects are told apart letter by letter, as their provider does, whatever the database takes for one."""

from __future__ import annotations

import hashlib

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def fill(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    identities = apps.get_model("accounts", "Identity").objects.using(schema_editor.connection.alias)
    for pk, subject in identities.values_list("pk", "subject").iterator():
        key = hashlib.sha256(subject.encode(errors="surrogatepass")).hexdigest()
        identities.filter(pk=pk).update(subject_key=key)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_delivered_domains")]

    operations = [
        migrations.AddField(
            "identity",
            "subject_key",
            models.CharField(default="", editable=False, max_length=64),
            preserve_default=False,
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.AddConstraint(
            "identity",
            models.UniqueConstraint(fields=("provider", "subject_key"), name="identity_provider_subject_key"),
        ),
        migrations.RemoveConstraint("identity", "identity_provider_subject"),
    ]
