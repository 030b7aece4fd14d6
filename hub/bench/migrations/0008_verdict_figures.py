from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("bench", "0007_verdict_assembly"),
    ]

    operations = [
        migrations.AddField(
            model_name="verdict",
            name="figures",
            field=models.JSONField(default=dict),
        ),
    ]
