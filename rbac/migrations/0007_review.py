import uuid

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("rbac", "0006_custom_permission"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Review",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "public_id",
                    models.UUIDField(default=uuid.uuid4, editable=False, unique=True, verbose_name="public id"),
                ),
                ("subject", models.CharField(max_length=150, verbose_name="subject")),
                ("due_on", models.DateField(blank=True, null=True, verbose_name="due")),
                (
                    "started_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name="started"),
                ),
                ("closed_at", models.DateTimeField(blank=True, editable=False, null=True, verbose_name="closed")),
            ],
            options={
                "verbose_name": "access review",
                "verbose_name_plural": "access reviews",
            },
        ),
        migrations.CreateModel(
            name="ReviewItem",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "public_id",
                    models.UUIDField(default=uuid.uuid4, editable=False, unique=True, verbose_name="public id"),
                ),
                ("role_name", models.CharField(max_length=60, verbose_name="role")),
                (
                    "decision",
                    models.CharField(
                        blank=True,
                        choices=[("confirmed", "confirmed"), ("revoked", "taken away")],
                        max_length=10,
                        verbose_name="decision",
                    ),
                ),
                ("note", models.CharField(blank=True, max_length=300, verbose_name="note")),
                ("decided_at", models.DateTimeField(blank=True, editable=False, null=True, verbose_name="decided")),
            ],
            options={
                "verbose_name": "line of an access review",
                "verbose_name_plural": "lines of access reviews",
            },
        ),
        migrations.AddField(
            model_name="review",
            name="closed_by",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="closed by",
            ),
        ),
        migrations.AddField(
            model_name="review",
            name="role",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="reviews",
                to="rbac.role",
                verbose_name="role",
            ),
        ),
        migrations.AddField(
            model_name="review",
            name="started_by",
            field=models.ForeignKey(
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="started by",
            ),
        ),
        migrations.AddField(
            model_name="review",
            name="supervisor",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="team of",
            ),
        ),
        migrations.AddField(
            model_name="reviewitem",
            name="assignment",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="rbac.assignment",
                verbose_name="assignment",
            ),
        ),
        migrations.AddField(
            model_name="reviewitem",
            name="decided_by",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="decided by",
            ),
        ),
        migrations.AddField(
            model_name="reviewitem",
            name="review",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="items",
                to="rbac.review",
                verbose_name="review",
            ),
        ),
        migrations.AddField(
            model_name="reviewitem",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="person",
            ),
        ),
        migrations.AddConstraint(
            model_name="reviewitem",
            constraint=models.UniqueConstraint(fields=("review", "assignment"), name="review_item_assignment"),
        ),
    ]
