import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('bounty', '0008_indexes_for_many_submissions'),
    ]

    operations = [
        migrations.CreateModel(
            name='Credit',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('status', models.CharField(choices=[('queued', 'Queued'), ('running', 'Running'), ('scored', 'Scored'), ('rejected', 'Rejected'), ('failed', 'Failed')], default='queued', max_length=10)),
                ('created', models.DateTimeField(auto_now_add=True)),
                ('started', models.DateTimeField(editable=False, null=True)),
                ('finished', models.DateTimeField(editable=False, null=True)),
                ('tries', models.PositiveSmallIntegerField(default=0, editable=False)),
                ('lease', models.UUIDField(editable=False, null=True)),
                ('leased_until', models.DateTimeField(editable=False, null=True)),
                ('lease_expiries', models.PositiveSmallIntegerField(db_default=0, default=0, editable=False)),
                ('error', models.CharField(blank=True, editable=False, max_length=40)),
                ('error_detail', models.CharField(blank=True, editable=False, max_length=500)),
                ('log', models.TextField(blank=True, editable=False)),
                ('found', models.JSONField(default=list, editable=False)),
                ('bounty', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='credit', to='bounty.bounty')),
            ],
            options={
                'verbose_name_plural': 'credit',
                'indexes': [models.Index(condition=models.Q(('status__in', ('queued', 'running'))), fields=['id'], name='credit_unfinished')],
            },
        ),
    ]
