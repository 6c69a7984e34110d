"""What is written once stays: see settings_store.triggers."""

from django.db import migrations

from settings_store.triggers import create_triggers, drop_triggers


class Migration(migrations.Migration):
    # MariaDB and MySQL commit at each statement of this kind, whatever the transaction says.
    atomic = False
    dependencies = [("settings_store", "0001_initial")]
    operations = [
        migrations.RunPython(
            lambda apps, editor: create_triggers(editor.connection),
            lambda apps, editor: drop_triggers(editor.connection),
        )
    ]
