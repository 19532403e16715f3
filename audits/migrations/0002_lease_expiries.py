from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('audits', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='audit',
            name='lease_expiries',
            field=models.PositiveSmallIntegerField(db_default=0, default=0, editable=False),
        ),
    ]
