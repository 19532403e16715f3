import sys

from fairness.cli import main

sys.exit(main())
