from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("settings_store", "0004_seal_versions_apart")]

    operations = [
        migrations.AddField(
            model_name="proposal",
            name="rollback_to",
            field=models.PositiveIntegerField(blank=True, null=True, verbose_name="rolls back to"),
        ),
    ]
