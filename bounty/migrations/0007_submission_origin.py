from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('bounty', '0006_lease_expiries'),
    ]

    operations = [
        migrations.AddField(
            model_name='submission',
            name='origin',
            field=models.CharField(blank=True, db_default='', default='', editable=False, max_length=64),
        ),
    ]
