"""The trail is found by every filter of its page, and by its words: see settings_store.trail.words."""

from django.db import migrations, models

from settings_store.trail.words import create_words, drop_words

INDEXES = {
    "audit_actor_name": ["actor_name", "-sequence"],
    "audit_impersonator": ["impersonator_name", "-sequence"],
    "audit_target_type": ["target_type", "-sequence"],
    "audit_address": ["address", "-sequence"],
    "audit_environment": ["environment", "-sequence"],
    "audit_request": ["request_id"],
}


class Migration(migrations.Migration):
    # MariaDB and MySQL commit at each statement of this kind, whatever the transaction says.
    atomic = False
    dependencies = [("settings_store", "0005_proposal_rollback")]
    operations = [
        *(
            migrations.AddIndex("auditevent", models.Index(fields=fields, name=name))
            for name, fields in INDEXES.items()
        ),
        migrations.RunPython(
            lambda apps, editor: create_words(editor.connection),
            lambda apps, editor: drop_words(editor.connection),
        ),
    ]
