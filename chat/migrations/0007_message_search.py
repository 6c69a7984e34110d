"""Titles and messages are found by the full text index of the database: see chat.search.words."""

from django.db import migrations

from chat.search.words import create_words, drop_words


class Migration(migrations.Migration):
    # MariaDB and MySQL commit at each statement of this kind, whatever the transaction says; elsewhere, so many rows
    # are better committed in batches.
    atomic = False
    dependencies = [("chat", "0006_conversation_shelves")]
    operations = [
        migrations.RunPython(
            lambda apps, editor: create_words(editor.connection),
            lambda apps, editor: drop_words(editor.connection),
        )
    ]
