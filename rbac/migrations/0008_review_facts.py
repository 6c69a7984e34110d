import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("rbac", "0007_review")]

    operations = [
        migrations.AddField(
            model_name="reviewitem",
            name="since",
            field=models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name="since"),
        ),
        migrations.AddField(
            model_name="reviewitem",
            name="until",
            field=models.DateTimeField(blank=True, editable=False, null=True, verbose_name="until"),
        ),
        migrations.AddField(
            model_name="reviewitem",
            name="given_by",
            field=models.CharField(blank=True, editable=False, max_length=150, verbose_name="assigned by"),
        ),
        migrations.AddField(
            model_name="reviewitem",
            name="reason",
            field=models.CharField(blank=True, editable=False, max_length=300, verbose_name="reason"),
        ),
        migrations.AddField(
            model_name="reviewitem",
            name="last_login",
            field=models.DateTimeField(blank=True, editable=False, null=True, verbose_name="last sign-in"),
        ),
        migrations.AlterField(
            model_name="reviewitem",
            name="decision",
            field=models.CharField(
                blank=True,
                choices=[("confirmed", "confirmed"), ("revoked", "taken away"), ("ended", "ended meanwhile")],
                max_length=10,
                verbose_name="decision",
            ),
        ),
    ]
