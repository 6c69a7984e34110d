"""The sealed values of versions move to a table of their own: versions never change, and the keys of values do."""

from django.db import migrations

from settings_store.triggers import create_triggers, drop_triggers


def move_apart(apps, editor):
    SettingVersion = apps.get_model("settings_store", "SettingVersion")
    SealedVersion = apps.get_model("settings_store", "SealedVersion")
    versions = SettingVersion.objects.exclude(sealed=None).values_list("pk", "sealed")
    SealedVersion.objects.bulk_create(
        (SealedVersion(version_id=number, sealed=bytes(sealed)) for number, sealed in versions.iterator()),
        batch_size=500,
    )


def move_together(apps, editor):
    SettingVersion = apps.get_model("settings_store", "SettingVersion")
    SealedVersion = apps.get_model("settings_store", "SealedVersion")
    for number, sealed in SealedVersion.objects.values_list("pk", "sealed").iterator():
        SettingVersion.objects.filter(pk=number).update(sealed=bytes(sealed))


class Migration(migrations.Migration):
    # MariaDB and MySQL commit at each statement that changes a table or a trigger, whatever the transaction says.
    atomic = False
    dependencies = [("settings_store", "0003_settings_whole")]
    operations = [
        # The triggers stand aside in both directions: backwards the versions are written to, and a table that is
        # made anew loses those it had.
        migrations.RunPython(
            lambda apps, editor: drop_triggers(editor.connection),
            lambda apps, editor: create_triggers(editor.connection),
        ),
        migrations.RunPython(move_apart, move_together),
        migrations.RemoveField("settingversion", "sealed"),
        migrations.RunPython(
            lambda apps, editor: create_triggers(editor.connection),
            lambda apps, editor: drop_triggers(editor.connection),
        ),
    ]
