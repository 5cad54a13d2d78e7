# What goes wrong between two people, over people.sock itself, each as a process of the own uid:
#   attack.py SOCKET KEY_SET NAME:UID:ROLE...   passphrases: a line of standard input for each NAME, in order
# What one person tries alone is in alone.py.
import sys

from person import Login

path, key_set = sys.argv[1:3]
people, logins = {}, {}
for word in sys.argv[3:]:
    name, uid, role = word.split(":")
    people[name] = (int(uid), role, sys.stdin.readline().rstrip("\n"))
    logins[name] = Login(name, *people[name])
failed = 0


def expect(what, got, *wanted):
    global failed
    if got not in wanted:
        print(f"{what}: {got}, not {' or '.join(wanted)}")
        failed = 1


def person(name, login=True):
    p = logins[name].connect(path)
    if login:
        expect(f"login of {name}", p.login(), "E_OK")
    return p


def wait(p, op, *fields):
    got, digest = p.wait(op, *fields)
    expect(op, got, "E_SECOND")
    return digest


def state(word):
    return ("F_KEY_SET", key_set.encode()), ("F_STATE", word)


def digest_of_room(asks):
    asks.ask("OP_DIGEST")
    return asks.get("F_HASH")


helpers = {name: person(name) for name in people}
anna, bert = [helpers[n] for n in people if people[n][1] == "custodian"][:2]
first, second = anna.name, bert.name
before = digest_of_room(anna)

# --- Fields changed after they were shown -------------------------------------------------------------------------------
one = person(first)
shown = wait(one, "OP_STATE", *state(b"suspended"))
bert.until_pending(shown)
one.close()
one = person(first)
other = wait(one, "OP_STATE", *state(b"active"))
bert.until_pending(other)
expect("agreed to an act that was changed", bert.approve(shown), "E_LAPSED")

# --- Refused, and asked again ----------------------------------------------------------------------------------------------
expect("refusing", bert.approve(other, b"refused"), "E_OK")
expect("what the first is told", one.receive(), "E_LAPSED")
expect("agreed to what was refused", bert.approve(other), "E_LAPSED")
if digest_of_room(anna) != before:
    print("what nobody agreed to was done")
    failed = 1

# --- Once, and once only -----------------------------------------------------------------------------------------------------
digest = wait(one, "OP_STATE", *state(b"suspended"))
bert.until_pending(digest)
expect("agreeing", bert.approve(digest), "E_OK")
expect("what became of it", bert.outcome(), "E_OK")
expect("what the first is told", one.receive(), "E_OK")
after = digest_of_room(anna)
if after == before:
    print("what both wanted was not done")
    failed = 1
expect("agreed twice", bert.approve(digest), "E_LAPSED")
again = wait(one, "OP_STATE", *state(b"suspended"))
bert.until_pending(again)
expect("an old yes for the same act", bert.approve(digest), "E_LAPSED")
one.close()

# --- Gone before the other agrees --------------------------------------------------------------------------------------------
one = person(first)
digest = wait(one, "OP_STATE", *state(b"active"))
bert.until_pending(digest)
one.close()
expect("agreed to what was withdrawn", bert.approve(digest), "E_LAPSED")

# --- A connection attends one session: whoever attended two would end one of them by leaving the other ---------------------------
otto, olga = [person(n) for n in people if people[n][1] == "operator"][:2]


def opens(asks, agrees, serial):
    digest = wait(asks, "OP_OPEN", ("F_SERIAL", serial))
    helpers[second].until_pending(digest)
    expect("agreeing to a session", agrees.approve(digest), "E_OK")
    asks.receive()
    return agrees.outcome()


expect("a session", opens(otto, olga, b"TC-1"), "E_OK")
third, fourth = [person(n) for n in people if people[n][1] == "operator"][:2]
expect("another by one who attends one", opens(otto, fourth, b"TC-2"), "E_EXISTS")
expect("another with one who attends one", opens(third, olga, b"TC-2"), "E_EXISTS")
expect("another by two others", opens(third, fourth, b"TC-2"), "E_OK")
for p in (third, otto):
    p.close()
for p in (fourth, olga):
    expect("a session that one has left", p.ask("OP_ATTEND"), "E_OK")
    p.close()

# --- Another's passphrase --------------------------------------------------------------------------------------------------------
one = person(second, login=False)
expect("another's passphrase", one.login(people[first][2]), "E_PASSPHRASE")
expect("without a login", one.ask("OP_STATE", *state(b"active")), "E_LOGIN")
one.close()
if digest_of_room(anna) != after:
    print("something was done by one person")
    failed = 1
for login in reversed(logins.values()):	# each has the pipes of those before
    login.close()
sys.exit(failed)
