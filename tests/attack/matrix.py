"""Who gets what answer at every address: outsiders that there is nothing, strangers that they sign in first.

A line: method (HX asks for the part of a page), the name of the address, what stands in it (a thing of the
world, or =TEXT), and statuses: one for everybody, two for strangers and all others, or one for each role.
"""

# The site's own: stranger rival participant organiser other auditor viewer staff
PAGES = """
GET    home                                         | 200
GET    api_tokens                                   | 302 200
GET    api_docs                                     | 200
GET    api_schema                                   | 200
GET    healthz                                      | 200
GET    readyz                                       | 200
GET    status                                       | 200
GET    api_status                                   | 200
GET    metrics                                      | 404
GET    guide =promise                               | 200
GET    system =system-one                           | 200
GET    system =nothing                              | 404
POST   api_tokens                                   | 302 200
GET    revoke_api_token token-of-participant        | 302 405
POST   revoke_api_token token-of-participant        | 302 404 302 404 404 404 404 404
POST   revoke_api_token =flt_nothing                | 302 404
"""

# Accounts: stranger rival participant organiser other auditor viewer staff
ACCOUNTS = """
GET    account_login                                | 200 302
POST   account_login                                | 200 302
GET    account_logout                               | 302 200
POST   account_logout                               | 302
GET    account_inactive                             | 200
POST   account_inactive                             | 405
GET    account_signup                               | 200 302
POST   account_signup                               | 200 302
GET    account_reauthenticate                       | 302 200
POST   account_reauthenticate                       | 302 200
GET    account_email                                | 302 200
POST   account_email                                | 302
GET    account_email_verification_sent              | 200
POST   account_email_verification_sent              | 405
GET    account_change_password                      | 302 200
POST   account_change_password                      | 302 200
GET    account_set_password                         | 302
POST   account_set_password                         | 302
GET    account_reset_password                       | 200
POST   account_reset_password                       | 200
GET    account_confirm_login_code                   | 302
POST   account_confirm_login_code                   | 302
GET    account_reset_password_from_key_done         | 200
POST   account_reset_password_from_key_done         | 405
GET    account_reset_password_done                  | 200
POST   account_reset_password_done                  | 405
GET    account_confirm_email =abc                   | 200
POST   account_confirm_email =abc                   | 404
GET    account_reset_password_from_key =1 =set-password | 200
POST   account_reset_password_from_key =1 =set-password | 200
GET    mfa_index                                    | 302 200
GET    mfa_activate_totp                            | 302
POST   mfa_activate_totp                            | 302
GET    mfa_deactivate_totp                          | 302 404
POST   mfa_deactivate_totp                          | 302 404
GET    mfa_authenticate                             | 302
POST   mfa_authenticate                             | 302
GET    mfa_download_recovery_codes                  | 302 404
POST   mfa_download_recovery_codes                  | 302 404
GET    mfa_generate_recovery_codes                  | 302
POST   mfa_generate_recovery_codes                  | 302
GET    mfa_reauthenticate                           | 302
POST   mfa_reauthenticate                           | 302
GET    mfa_view_recovery_codes                      | 302 404
POST   mfa_view_recovery_codes                      | 302 405
"""

# Bounties: stranger rival participant organiser other auditor viewer staff
BOUNTIES = """
GET    bounty:list                                  | 200
GET    bounty:new                                   | 302 200
GET    bounty:overview open                         | 200
GET    bounty:overview closed                       | 200
GET    bounty:overview draft                        | 404 404 404 200 404 404 404 200
GET    bounty:overview elsewhere                    | 404 404 404 404 200 404 404 200
GET    bounty:overview =nothing                     | 404
GET    bounty:data open                             | 200
GET    bounty:data closed                           | 200
GET    bounty:data draft                            | 404 404 404 200 404 404 404 200
GET    bounty:leaderboard open                      | 200
GET    bounty:leaderboard closed                    | 200
GET    bounty:leaderboard draft                     | 404 404 404 200 404 404 404 200
GET    bounty:model open                            | 200
GET    bounty:model closed                          | 200
GET    bounty:model draft                           | 404 404 404 200 404 404 404 200
GET    bounty:groups open                           | 200
GET    bounty:groups closed                         | 200
GET    bounty:groups draft                          | 404 404 404 200 404 404 404 200
GET    bounty:guard open                            | 200
GET    bounty:guard closed                          | 200
GET    bounty:guard draft                           | 404 404 404 200 404 404 404 200
GET    bounty:final open                            | 404
GET    bounty:final closed                          | 200
GET    bounty:final draft                           | 404
GET    bounty:submit open                           | 200
GET    bounty:submit closed                         | 200
GET    bounty:submit draft                          | 404 404 404 200 404 404 404 200
GET    bounty:submit elsewhere                      | 404 404 404 404 200 404 404 200
GET    bounty:mine open                             | 302 200
GET    bounty:mine closed                           | 302 200
GET    bounty:mine draft                            | 302 404 404 200 404 404 404 200
GET    bounty:mine elsewhere                        | 302 404 404 404 200 404 404 200
GET    bounty:mine =nothing                         | 302 404
GET    bounty:check_group open                      | 302 405
GET    bounty:manage open                           | 302 404 404 200 404 404 404 200
GET    bounty:manage closed                         | 302 404 404 200 404 404 404 200
GET    bounty:manage draft                          | 302 404 404 200 404 404 404 200
GET    bounty:manage elsewhere                      | 302 404 404 404 200 404 404 200
GET    bounty:manage =nothing                       | 302 404
GET    bounty:edit open                             | 302 404 404 200 404 404 404 200
GET    bounty:edit closed                           | 302 404 404 200 404 404 404 200
GET    bounty:edit draft                            | 302 404 404 200 404 404 404 200
GET    bounty:edit elsewhere                        | 302 404 404 404 200 404 404 200
GET    bounty:upload open                           | 302 404 404 302 404 404 404 302
GET    bounty:upload closed                         | 302 404 404 302 404 404 404 302
GET    bounty:upload draft                          | 302 404 404 200 404 404 404 200
GET    bounty:upload elsewhere                      | 302 404 404 404 200 404 404 200
GET    bounty:all_submissions open                  | 302 404 404 200 404 404 404 200
GET    bounty:all_submissions closed                | 302 404 404 200 404 404 404 200
GET    bounty:all_submissions draft                 | 302 404 404 200 404 404 404 200
GET    bounty:all_submissions_csv open              | 302 404 404 200 404 404 404 200
GET    bounty:all_submissions_csv closed            | 302 404 404 200 404 404 404 200
GET    bounty:all_submissions_csv draft             | 302 404 404 200 404 404 404 200
GET    bounty:all_submissions_csv elsewhere         | 302 404 404 404 200 404 404 200
GET    bounty:round open =1                         | 200
GET    bounty:round closed =1                       | 200
GET    bounty:round open =9                         | 404
GET    bounty:round draft =1                        | 404
GET    bounty:download_model open =zip              | 302 404 404 200 404 404 404 200
GET    bounty:download_model closed =zip            | 302 404 404 200 404 404 404 200
GET    bounty:download_model draft =zip             | 302 404
GET    bounty:download_model open =onnx             | 302 404 404 302 404 404 404 302
GET    bounty:download_model closed =onnx           | 302 404 404 302 404 404 404 302
GET    bounty:download_model draft =onnx            | 302 404
GET    bounty:download_model open =exe              | 302 404
GET    bounty:open open                             | 302 405
GET    bounty:close open                            | 302 405
GET    bounty:delete open                           | 302 405
GET    bounty:submission find-of-participant-in-open | 302 404 200 200 404 404 404 200
GET    bounty:submission find-of-participant-in-closed | 302 404 200 200 404 404 404 200
GET    bounty:submission fix-of-participant-in-open | 302 404 200 200 404 404 404 200
GET    bounty:submission fix-of-participant-in-closed | 302 404 200 200 404 404 404 200
GET    bounty:submission model-of-participant-in-open | 302 404 200 200 404 404 404 200
GET    bounty:submission model-of-participant-in-closed | 302 404 200 200 404 404 404 200
GET    bounty:submission =1                         | 302 404
GET    bounty:check check-of-participant-in-open    | 302 404 200 404 404 404 404 404
GET    bounty:check check-of-participant-in-closed  | 302 404 200 404 404 404 404 404
GET    bounty:check =1                              | 302 404
POST   bounty:submit open                           | 200 302 302 200 302 302 302 200
POST   bounty:submit closed                         | 200
POST   bounty:submit draft                          | 404 404 404 200 404 404 404 200
POST   bounty:submit elsewhere                      | 404 404 404 404 200 404 404 200
POST   bounty:check_group open                      | 302 200
POST   bounty:check_group closed                    | 302 200
POST   bounty:check_group draft                     | 302 404 404 200 404 404 404 200
POST   bounty:edit open                             | 302 404 404 302 404 404 404 302
POST   bounty:edit closed                           | 302 404 404 302 404 404 404 302
POST   bounty:edit draft                            | 302 404 404 200 404 404 404 200
POST   bounty:edit elsewhere                        | 302 404 404 404 200 404 404 200
POST   bounty:upload open                           | 302 404 404 302 404 404 404 302
POST   bounty:upload closed                         | 302 404 404 302 404 404 404 302
POST   bounty:upload draft                          | 302 404 404 200 404 404 404 200
POST   bounty:upload elsewhere                      | 302 404 404 404 200 404 404 200
POST   bounty:open open                             | 302 404 404 302 404 404 404 302
POST   bounty:open closed                           | 302 404 404 302 404 404 404 302
POST   bounty:open draft                            | 302 404 404 302 404 404 404 302
POST   bounty:open elsewhere                        | 302 404 404 404 302 404 404 302
POST   bounty:close open                            | 302 404 404 302 404 404 404 302
POST   bounty:close closed                          | 302 404 404 302 404 404 404 302
POST   bounty:close draft                           | 302 404 404 302 404 404 404 302
POST   bounty:close elsewhere                       | 302 404 404 404 302 404 404 302
POST   bounty:delete open                           | 302 404 404 302 404 404 404 302
POST   bounty:delete closed                         | 302 404 404 302 404 404 404 302
POST   bounty:delete draft                          | 302 404 404 302 404 404 404 302
POST   bounty:delete elsewhere                      | 302 404 404 404 302 404 404 302
POST   bounty:new                                   | 302 200
HX     bounty:manage open                           | 302 404 404 200 404 404 404 200
HX     bounty:mine open                             | 302 200
HX     bounty:submission find-of-participant-in-open | 302 404 200 200 404 404 404 200
HX     bounty:submission fix-of-participant-in-open | 302 404 200 200 404 404 404 200
HX     bounty:check check-of-participant-in-open    | 302 404 200 404 404 404 404 404
GET    bounty:alike open                            | 302 404 404 200 404 404 404 200
GET    bounty:alike closed                          | 302 404 404 200 404 404 404 200
GET    bounty:alike draft                           | 302 404 404 200 404 404 404 200
"""

# Audits: stranger rival participant organiser other auditor viewer staff
AUDITS = """
GET    audits:list                                  | 200
GET    audits:new                                   | 302 200
GET    audits:compare                               | 200
POST   audits:new                                   | 302 200
GET    audits:report private                        | 404 404 404 404 404 200 200 200
GET    audits:report unlisted                       | 200
GET    audits:report public                         | 200
GET    audits:report =aaaaaaaaaaaaa3                | 404
GET    audits:errors private                        | 404 404 404 404 404 200 200 200
GET    audits:errors public                         | 200
GET    audits:worst private                         | 404 404 404 404 404 200 200 200
GET    audits:worst public                          | 200
GET    audits:calibration private                   | 404
GET    audits:calibration public                    | 404
GET    audits:rates private                         | 404 404 404 404 404 200 200 200
GET    audits:rates unlisted                        | 200
GET    audits:rates public                          | 200
GET    audits:intersections private                 | 404 404 404 404 404 200 200 200
GET    audits:intersections public                  | 200
GET    audits:conditions private                    | 404 404 404 404 404 200 200 200
GET    audits:conditions public                     | 200
GET    audits:systems private                       | 404 404 404 404 404 200 200 200
GET    audits:systems public                        | 200
GET    audits:speakers private                      | 404 404 404 404 404 200 200 200
GET    audits:speakers unlisted                     | 404 404 404 404 404 200 200 200
GET    audits:speakers public                       | 404 404 404 404 404 200 200 200
GET    audits:utterances private                    | 404 404 404 404 404 200 200 200
GET    audits:utterances unlisted                   | 404 404 404 404 404 200 200 200
GET    audits:utterances public                     | 404 404 404 404 404 200 200 200
GET    audits:method private                        | 404 404 404 404 404 200 200 200
GET    audits:method public                         | 200
GET    audits:result_json private                   | 404 404 404 404 404 200 200 200
GET    audits:result_json unlisted                  | 200
GET    audits:result_json public                    | 200
GET    audits:tables_csv private                    | 404 404 404 404 404 200 200 200
GET    audits:tables_csv public                     | 200
GET    audits:comparisons_csv private               | 404 404 404 404 404 200 200 200
GET    audits:comparisons_csv public                | 200
GET    audits:speakers_csv private                  | 404 404 404 404 404 200 200 200
GET    audits:speakers_csv public                   | 404 404 404 404 404 200 200 200
GET    audits:utterances_csv private                | 404 404 404 404 404 200 200 200
GET    audits:utterances_csv public                 | 404 404 404 404 404 200 200 200
GET    audits:cells_parquet private                 | 404 404 404 404 404 200 200 200
GET    audits:cells_parquet public                  | 404 404 404 404 404 200 200 200
GET    audits:offline private                       | 404 404 404 404 404 200 200 200
GET    audits:offline public                        | 200
GET    audits:card private                          | 404 404 404 404 404 200 200 200
GET    audits:card unlisted                         | 200
GET    audits:card public                           | 200
GET    audits:card_pdf private                      | 404 404 404 404 404 200 200 200
GET    audits:card_pdf public                       | 200
GET    audits:setup private                         | 302 404 404 404 404 200 404 200
GET    audits:setup public                          | 302 404 404 404 404 200 404 200
GET    audits:settings private                      | 302 404 404 404 404 200 404 200
GET    audits:settings public                       | 302 404 404 404 404 200 404 200
GET    audits:settings =aaaaaaaaaaaaa3              | 302 404
GET    audits:delete public                         | 302 405
GET    audits:part_csv private =coverage            | 404 404 404 404 404 200 200 200
GET    audits:part_csv public =coverage             | 200
GET    audits:part_csv public =combinations         | 200
GET    audits:part_csv private =words               | 404 404 404 404 404 200 200 200
GET    audits:part_csv public =words                | 200
GET    audits:part_csv public =sensitivity          | 200
GET    audits:part_csv public =comparisons          | 200
GET    audits:part_csv public =worst                | 200
GET    audits:part_csv public =tolerances           | 200
GET    audits:part_csv public =calibration          | 200
GET    audits:series =auditor series-of-private     | 404 404 404 404 404 200 200 200
GET    audits:series =auditor series-of-unlisted    | 404 404 404 404 404 200 200 200
GET    audits:series =auditor series-of-public      | 200
POST   audits:setup private                         | 302 404 404 404 404 200 404 200
POST   audits:setup public                          | 302 404 404 404 404 200 404 200
POST   audits:settings private                      | 302 404 404 404 404 302 404 302
POST   audits:settings public                       | 302 404 404 404 404 302 404 302
POST   audits:delete private                        | 302 404 404 404 404 302 404 302
POST   audits:delete public                         | 302 404 404 404 404 302 404 302
HX     audits:report private                        | 404 404 404 404 404 200 200 200
HX     audits:rates public                          | 200
HX     audits:utterances public                     | 404 404 404 404 404 200 200 200
"""

# The API: stranger rival participant organiser other auditor viewer staff
API = """
GET    api:bounty-list                              | 200
GET    api:bounty-detail open                       | 200
GET    api:bounty-detail closed                     | 200
GET    api:bounty-detail draft                      | 404 404 404 200 404 404 404 200
GET    api:bounty-detail elsewhere                  | 404 404 404 404 200 404 404 200
GET    api:bounty-detail =nothing                   | 404
GET    api:bounty-sample open                       | 200
GET    api:bounty-sample closed                     | 200
GET    api:bounty-sample draft                      | 404 404 404 409 404 404 404 409
GET    api:bounty-leaderboard open                  | 200
GET    api:bounty-leaderboard closed                | 200
GET    api:bounty-leaderboard draft                 | 404 404 404 200 404 404 404 200
GET    api:bounty-repaired-model open               | 200
GET    api:bounty-repaired-model closed             | 200
GET    api:bounty-repaired-model draft              | 404 404 404 409 404 404 404 409
GET    api:bounty-groups open                       | 200
GET    api:bounty-groups closed                     | 200
GET    api:bounty-groups draft                      | 404 404 404 409 404 404 404 409
GET    api:bounty-guard open                        | 200
GET    api:bounty-guard closed                      | 200
GET    api:bounty-guard draft                       | 404 404 404 200 404 404 404 200
GET    api:bounty-final open                        | 404
GET    api:bounty-final closed                      | 200
GET    api:bounty-final draft                       | 404
GET    api:bounty-submissions open                  | 401 200
GET    api:bounty-submissions closed                | 401 200
GET    api:bounty-submissions draft                 | 401 404 404 200 404 404 404 200
GET    api:bounty-submissions elsewhere             | 401 404 404 404 200 404 404 200
GET    api:bounty-submissions =nothing              | 401 404
GET    api:bounty-bundle open                       | 401 404 404 200 404 404 404 200
GET    api:bounty-bundle closed                     | 401 404 404 200 404 404 404 200
GET    api:bounty-bundle draft                      | 401 404 404 409 404 404 404 409
GET    api:bounty-bundle elsewhere                  | 401 404 404 404 409 404 404 409
GET    api:bounty-bundle-onnx open                  | 401 404 404 409 404 404 404 409
GET    api:bounty-bundle-onnx closed                | 401 404 404 409 404 404 404 409
GET    api:bounty-bundle-onnx draft                 | 401 404 404 409 404 404 404 409
POST   api:bounty-check open                        | 401 200
POST   api:bounty-check closed                      | 401 200
POST   api:bounty-check draft                       | 401 404 404 409 404 404 404 409
POST   api:bounty-submissions open                  | 401 202 202 403 202 202 202 403
POST   api:bounty-submissions closed                | 401 409 409 403 409 409 409 403
POST   api:bounty-submissions draft                 | 401 404 404 403 404 404 404 403
POST   api:bounty-submissions elsewhere             | 401 404 404 404 403 404 404 403
GET    api:submission-detail find-of-participant-in-open | 401 404 200 200 404 404 404 200
GET    api:submission-detail find-of-participant-in-closed | 401 404 200 200 404 404 404 200
GET    api:submission-detail fix-of-participant-in-open | 401 404 200 200 404 404 404 200
GET    api:submission-detail fix-of-participant-in-closed | 401 404 200 200 404 404 404 200
GET    api:submission-detail model-of-participant-in-open | 401 404 200 200 404 404 404 200
GET    api:submission-detail model-of-participant-in-closed | 401 404 200 200 404 404 404 200
GET    api:submission-detail =1                     | 401 404
GET    api:check-detail check-of-participant-in-open | 401 404 200 404 404 404 404 404
GET    api:check-detail check-of-participant-in-closed | 401 404 200 404 404 404 404 404
GET    audits_api:audit-list                        | 200
POST   audits_api:audit-list                        | 401 400
GET    audits_api:audit-detail private              | 404 404 404 404 404 200 200 200
GET    audits_api:audit-detail unlisted             | 200
GET    audits_api:audit-detail public               | 200
GET    audits_api:audit-result private              | 404 404 404 404 404 200 200 200
GET    audits_api:audit-result unlisted             | 200
GET    audits_api:audit-result public               | 200
GET    audits_api:audit-export private              | 404 404 404 404 404 200 200 200
GET    audits_api:audit-export unlisted             | 200
GET    audits_api:audit-export public               | 200
PATCH  audits_api:audit-detail private              | 401 404 404 404 404 200 404 200
PATCH  audits_api:audit-detail unlisted             | 401 404 404 404 404 200 404 200
PATCH  audits_api:audit-detail public               | 401 404 404 404 404 200 404 200
DELETE audits_api:audit-detail private              | 401 404 404 404 404 204 404 204
DELETE audits_api:audit-detail unlisted             | 401 404 404 404 404 204 404 204
DELETE audits_api:audit-detail public               | 401 404 404 404 404 204 404 204
GET    /api/v1/nothing/                             | 404
GET    api:bounty-alike open                        | 401 404 404 200 404 404 404 200
GET    api:bounty-alike closed                      | 401 404 404 200 404 404 404 200
GET    api:bounty-alike draft                       | 401 404 404 200 404 404 404 200
GET    api:bounty-alike elsewhere                   | 401 404 404 404 200 404 404 200
"""

# What is sent with a POST or PATCH.
RULE = {"group_format": "rule", "group_rule": "age < 30"}
BODIES = {
    "bounty:submit": RULE,
    "bounty:check_group": RULE,
    "api:bounty-check": RULE,
    "api:bounty-submissions": {"kind": "find", **RULE},
    "audits:settings": {"do": "visibility", "visibility": "public"},
    "audits_api:audit-detail": {"title": "Other"},
    "api_tokens": {"name": "new", "days": 5},
}
