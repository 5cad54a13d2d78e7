#include "bdk/rule.h"

#include <stdio.h>
#include <string.h>

enum { CUS = PERSON_CUSTODIAN, SUP = PERSON_SUPERVISOR, OPR = PERSON_OPERATOR, AUD = PERSON_AUDITOR, ANY = PERSON_ANY };

static const struct rule rules[] = {
	/* clang-format off */
	/* what the room is and has done */
	{ OP_INFO,         RULE_ANYBODY,    0,         0 },
	{ OP_LIST,         RULE_UID,        ANY,       0 },
	{ OP_DEVICES,      RULE_UID,        ANY,       0 },
	{ OP_AUDIT,        RULE_UID,        CUS | SUP | AUD, 0 },
	{ OP_DIGEST,       RULE_UID,        ANY,       0 },
	{ OP_PROBE,        RULE_UID,        ANY,       0 },
	{ OP_HEAD,         RULE_UID,        ANY,       0 },
	{ OP_HEADS,        RULE_UID,        ANY,       0 },
	{ OP_CEREMONY,     RULE_PASSPHRASE, CUS | SUP, 0 },
	{ OP_LED,          RULE_UID,        CUS | SUP | AUD, 0 },
	{ OP_RECORD,       RULE_UID,        CUS | SUP | AUD, 0 },
	/* media: what makes things safer at once one may do */
	{ OP_BAG,          RULE_PASSPHRASE, CUS | SUP, 0 },
	{ OP_BAG_FOUND,    RULE_PASSPHRASE, CUS | SUP, 0 },
	{ OP_BAG_MOVE,     RULE_PASSPHRASE, CUS | SUP, CUS | SUP },
	{ OP_BAGS,         RULE_UID,        ANY,       0 },
	{ OP_PUT,          RULE_UID,        CUS | SUP, 0 },
	{ OP_FETCH,        RULE_UID,        ANY,       0 },
	{ OP_ANCHORS,      RULE_UID,        ANY,       0 },
	{ OP_PEOPLE,       RULE_UID,        ANY,       0 },
	/* certificates, lists, epochs */
	{ OP_REQUEST,      RULE_PASSPHRASE, CUS,       0 },
	{ OP_CERTIFY,      RULE_PASSPHRASE, CUS,       CUS },
	{ OP_INSTALL,      RULE_PASSPHRASE, CUS,       CUS },
	{ OP_CRL,          RULE_PASSPHRASE, CUS | SUP, 0 },
	{ OP_INSTALL_CRL,  RULE_PASSPHRASE, CUS | SUP, 0 },
	{ OP_DISOWN,       RULE_PASSPHRASE, CUS,       CUS },
	{ OP_RAISE,        RULE_PASSPHRASE, CUS,       CUS },
	/* key sets */
	{ OP_GENERATE,     RULE_PASSPHRASE, CUS,       CUS },
	{ OP_IMPORT,       RULE_PASSPHRASE, CUS,       CUS },
	{ OP_PACKAGE,      RULE_PASSPHRASE, CUS,       CUS },
	{ OP_STATE,        RULE_PASSPHRASE, CUS | SUP, CUS | SUP },
	/* components are given by as many custodians as there are: bdk/component.h looks at who they are */
	{ OP_ENTER,        RULE_PASSPHRASE, CUS,       0 },
	{ OP_ENTERING,     RULE_PASSPHRASE, CUS,       0 },
	{ OP_COMPONENT,    RULE_PASSPHRASE, CUS,       0 },
	{ OP_CONFIRM,      RULE_PASSPHRASE, CUS,       0 },
	{ OP_ENTERED,      RULE_UID,        CUS,       0 },
	{ OP_AGREE,        RULE_PASSPHRASE, CUS,       0 },
	{ OP_WITHDRAW,     RULE_PASSPHRASE, CUS,       0 },
	{ OP_MAILER,       RULE_PASSPHRASE, CUS,       0 },
	{ OP_COMPROMISE,   RULE_PASSPHRASE, CUS | SUP, CUS | SUP },
	{ OP_DESTROY,      RULE_PASSPHRASE, CUS,       CUS },
	{ OP_PERIOD,       RULE_PASSPHRASE, CUS | SUP, CUS | SUP },
	{ OP_BELOW,        RULE_UID,        ANY,       0 },
	{ OP_LIFE,         RULE_UID,        ANY,       0 },
	{ OP_DESTROYED,    RULE_UID,        ANY,       0 },
	{ OP_HANDOVER,     RULE_PASSPHRASE, CUS | SUP, 0 },
	{ OP_IMPORT_PACK,  RULE_PASSPHRASE, CUS | SUP, 0 },
	/* KBPKs, and key sets under them */
	{ OP_KBPK_GENERATE, RULE_PASSPHRASE, CUS,      CUS },
	{ OP_KBPK_IMPORT,  RULE_PASSPHRASE, CUS,       CUS },
	{ OP_KBPK_LIST,    RULE_UID,        ANY,       0 },
	{ OP_KBPK_COMPROMISE, RULE_PASSPHRASE, CUS,    CUS },
	{ OP_KBPK_RESUME,  RULE_PASSPHRASE, CUS,       CUS },
	{ OP_KBPK_DESTROY, RULE_PASSPHRASE, CUS,       CUS },
	{ OP_GENERATE_BLOCK, RULE_PASSPHRASE, CUS,     CUS },
	{ OP_IMPORT_BLOCK, RULE_PASSPHRASE, CUS,       CUS },
	/* device ids */
	{ OP_LEASE,        RULE_PASSPHRASE, CUS | SUP, CUS | SUP },
	{ OP_ACCEPT,       RULE_PASSPHRASE, CUS | SUP, CUS | SUP },
	{ OP_LEASES,       RULE_UID,        ANY,       0 },
	{ OP_MANIFEST,     RULE_PASSPHRASE, SUP,       0 },
	{ OP_CHAIN,        RULE_PASSPHRASE, CUS | SUP, CUS | SUP },
	{ OP_BACKUP,       RULE_PASSPHRASE, CUS | SUP, 0 },
	/* terminals */
	{ OP_EXPECT,       RULE_PASSPHRASE, SUP,       0 },
	{ OP_ENROL,        RULE_PASSPHRASE, SUP | OPR, 0 },
	{ OP_ENROL_CSR,    RULE_PASSPHRASE, SUP | OPR, 0 },
	{ OP_ENROL_DIGEST, RULE_PASSPHRASE, SUP | OPR, 0 },
	{ OP_ENROL_DONE,   RULE_PASSPHRASE, SUP | OPR, 0 },
	{ OP_REVOKE,       RULE_PASSPHRASE, CUS | SUP, CUS | SUP },
	/* loading sessions */
	{ OP_OPEN,         RULE_PASSPHRASE, OPR,       OPR },
	{ OP_ATTEND,       RULE_UID,        OPR,       0 },
	/* people */
	/* custodians of a production room: whose login it is, and what he types, the act looks at itself; anybody locks it, but
	 * custodians alone once more, which forgets what they have given */
	{ OP_UNLOCK,       RULE_ANYBODY,    0,         0 },
	{ OP_LOCK,         RULE_ANYBODY,    0,         0 },
	{ OP_CUSTODIANS,   RULE_ANYBODY,    0,         0 },
	{ OP_CHANGE,       RULE_ANYBODY,    0,         0 },
	{ OP_ENTRUST,      RULE_ANYBODY,    0,         0 },
	{ OP_WHO,          RULE_ANYBODY,    0,         0 },
	{ OP_LOGIN,        RULE_UID,        ANY,       0 },
	{ OP_PASSPHRASE,   RULE_UID,        ANY,       0 },
	{ OP_APPOINT,      RULE_PASSPHRASE, CUS,       CUS },
	{ OP_DISMISS,      RULE_PASSPHRASE, CUS,       CUS },
	{ OP_PENDING,      RULE_UID,        ANY,       0 },
	{ OP_APPROVE,      RULE_PASSPHRASE, ANY,       0 },
	{ OP_AWAIT,        RULE_PASSPHRASE, ANY,       0 },
	/* clang-format on */
};
enum { RULES = sizeof rules / sizeof rules[0] };

const struct rule *rule_next(size_t i)
{
	return i < RULES ? &rules[i] : NULL;
}

const struct rule *rule_of(uint16_t op)
{
	for (size_t i = 0; i < RULES; i++)
		if (rules[i].op == op)
			return &rules[i];
	return NULL;
}

enum err rule_ask(char why[static ROOM_WHY], const struct rule *rule, const struct person *who, bool proved)
{
	char roles[PERSON_ROLES_TEXT];

	why[0] = 0;
	if (rule && rule->proof == RULE_ANYBODY)
		return E_OK;
	if (!who) {
		snprintf(why, ROOM_WHY, "whoever asks is nobody of this room: two custodians appoint people, bdk appoint");
		return E_DENIED;
	}
	if (!rule || !(rule->asks & who->roles)) {
		people_roles_text(roles, rule ? rule->asks : 0);
		snprintf(why, ROOM_WHY, "that is for %s to ask, and not for %s", *roles ? roles : "nobody", who->name);
		return E_DENIED;
	}
	if (rule->proof == RULE_PASSPHRASE && !proved)
		return E_LOGIN;
	return rule->agrees ? E_SECOND : E_OK;
}

enum err rule_agree(char why[static ROOM_WHY], const struct rule *rule, const struct person *first,
		    const struct person *second)
{
	char roles[PERSON_ROLES_TEXT];

	why[0] = 0;
	if (!strcmp(first->name, second->name) || first->uid == second->uid || first->row == second->row) {
		snprintf(why, ROOM_WHY, "nobody agrees to what is asked by %s alone: it takes another person", first->name);
		return E_DENIED;
	}
	if (!rule || !(rule->agrees & second->roles)) {
		people_roles_text(roles, rule ? rule->agrees : 0);
		snprintf(why, ROOM_WHY, "that is for %s to agree to, and not for %s", *roles ? roles : "nobody",
			 second->name);
		return E_DENIED;
	}
	return E_OK;
}
