"""Indexes by which a person's lists begin at once: what they keep, put away, threw away and have in a folder."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("chat", "0003_first_versions"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddIndex(
            model_name="conversation",
            index=models.Index(
                fields=["owner", "deleted_at", "archived_at", "is_pinned", "-last_message_at", "-id"],
                name="conversation_kept",
            ),
        ),
        migrations.AddIndex(
            model_name="conversation",
            index=models.Index(fields=["owner", "-archived_at", "-id"], name="conversation_archived"),
        ),
        migrations.AddIndex(
            model_name="conversation",
            index=models.Index(fields=["owner", "-deleted_at", "-id"], name="conversation_bin"),
        ),
        migrations.AddIndex(
            model_name="conversation",
            index=models.Index(fields=["folder", "-last_message_at", "-id"], name="conversation_folder_last"),
        ),
    ]
