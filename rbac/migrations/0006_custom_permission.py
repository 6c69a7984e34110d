import django.db.models.deletion
import django.utils.timezone
from django.apps.registry import Apps
from django.conf import settings
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def forget(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Take the rows among Django's permissions along, so that no role keeps what nothing explains any more."""
    rows = apps.get_model("auth", "Permission").objects.using(schema_editor.connection.alias)
    rows.filter(content_type__app_label="rbac", content_type__model="custompermission").delete()
    # PostgreSQL drops no table while checks of its rows are still to come.
    schema_editor.connection.check_constraints()


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("rbac", "0005_assignment_history"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="CustomPermission",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(editable=False, max_length=81, unique=True, verbose_name="name")),
                ("label", models.CharField(max_length=150, verbose_name="what it allows")),
                ("program", models.CharField(blank=True, max_length=60, verbose_name="program")),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name="declared"),
                ),
            ],
            options={
                "verbose_name": "custom permission",
                "verbose_name_plural": "custom permissions",
            },
        ),
        migrations.AddField(
            model_name="custompermission",
            name="created_by",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="declared by",
            ),
        ),
        migrations.AddField(
            model_name="custompermission",
            name="permission",
            field=models.OneToOneField(
                editable=False, on_delete=django.db.models.deletion.CASCADE, related_name="custom", to="auth.permission"
            ),
        ),
        migrations.RunPython(migrations.RunPython.noop, forget),
    ]
