from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("boards", "0001_standing"),
    ]

    operations = [
        migrations.AddField(model_name="standing", name=name, field=models.FloatField(null=True))
        for name in ("size", "memory", "accuracy")
    ]
