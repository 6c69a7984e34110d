from django.db import migrations


def count_versions(apps, schema_editor):
    """Give every prompt its first version, and say of conversations that use its text as it stands that they do."""
    prompts = apps.get_model("chat", "SystemPrompt")
    versions = apps.get_model("chat", "PromptVersion")
    conversations = apps.get_model("chat", "Conversation")
    known = set(versions.objects.values_list("prompt_id", flat=True))
    for prompt in prompts.objects.exclude(pk__in=known).iterator():
        versions.objects.create(
            prompt=prompt, number=1, content=prompt.content, created_at=prompt.updated_at, created_by=prompt.updated_by
        )
        conversations.objects.filter(system_prompt=prompt, system_text=prompt.content).update(prompt_version=1)


class Migration(migrations.Migration):
    dependencies = [
        ("chat", "0002_chat_whole"),
    ]

    operations = [
        migrations.RunPython(count_versions, migrations.RunPython.noop),
    ]
