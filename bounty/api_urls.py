from rest_framework.routers import SimpleRouter

from .api import BountyViewSet, CheckViewSet, SubmissionViewSet

app_name = "api"
router = SimpleRouter()
router.register("bounties", BountyViewSet, "bounty")
router.register("submissions", SubmissionViewSet, "submission")
router.register("checks", CheckViewSet, "check")
urlpatterns = router.urls
