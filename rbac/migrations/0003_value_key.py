"""Values of claims are told apart letter by letter, whatever the database takes for one."""

from __future__ import annotations

import hashlib

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def fill(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    rows = apps.get_model("rbac", "ClaimRole").objects.using(schema_editor.connection.alias)
    for pk, value in rows.values_list("pk", "value").iterator():
        rows.filter(pk=pk).update(value_key=hashlib.sha256(value.encode(errors="surrogatepass")).hexdigest())


class Migration(migrations.Migration):
    dependencies = [("rbac", "0002_factor_and_claims")]

    operations = [
        migrations.AddField(
            "claimrole",
            "value_key",
            models.CharField(default="", editable=False, max_length=64),
            preserve_default=False,
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.AddConstraint(
            "claimrole",
            models.UniqueConstraint(fields=("provider", "value_key", "role"), name="claim_role_key"),
        ),
        migrations.RemoveConstraint("claimrole", "claim_role_unique"),
    ]
