from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('bounty', '0005_live_and_discarded'),
    ]

    operations = [
        migrations.AddField(
            model_name='check',
            name='lease_expiries',
            field=models.PositiveSmallIntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.AddField(
            model_name='houseturn',
            name='lease_expiries',
            field=models.PositiveSmallIntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.AddField(
            model_name='submission',
            name='lease_expiries',
            field=models.PositiveSmallIntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.AddField(
            model_name='tableupload',
            name='lease_expiries',
            field=models.PositiveSmallIntegerField(db_default=0, default=0, editable=False),
        ),
    ]
