from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("pulls", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="patchset",
            name="device",
            field=models.CharField(default="cpu", max_length=3),
        ),
    ]
