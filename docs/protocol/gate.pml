/* One job under batchgate's decision protocol, against S3 Batch Operations.
 *
 * README.md beside this file has the protocol's table and rules; check.py runs this model through spin, whole and
 * with each rule taken out in turn. Names are those of functions/batchgate/gate/state.py and protocol.py.
 *
 * What may happen, in any order and any number of times: reviews by events, by the sweep and for people who cancel,
 * at once; approvals that are appended; a job that changes; crashes between any two effects; an update that is lost,
 * refused, throttled, answered late or not at all, or that takes effect late; facts, policies and windows that change;
 * pause, breaker, shadow; people in the console.
 *
 * How time and numbers are kept out of the states:
 *   rev          stale[p]: somebody else wrote STATE since p read or wrote it, so p's next condition fails. A write
 *                whose answer was lost and that finds its own id is the case !stale[p], a success.
 *   lease_until  lease_live; it may end at any moment, whatever its owner is doing. over_15: 15 minutes more.
 *   clocks       are right. A review that finds its own far from S3's ends at once, as by a crash; without that rule any
 *                review may take leases for over, and the 15 minutes too.
 *   attempt      no count: updates whose sender stopped waiting are two bits, late_ready and late_cancel.
 *   facts        are anything at each look; whether 5 seconds or the window's end came before the send is anything too.
 *   pause, breaker are on or off at each look at them.
 *   digest       the job is one of two, and may become the other and the first again. Two callers approve: a person who
 *                may, and a second who is another such person, the same person in another session, the requester, or
 *                nobody who may. Without APPROVALS, `good` is what policies or people approve.
 */

/* What a configuration has in it. */
#ifndef REVIEWS
#define REVIEWS 2      /* at once: the sweep's and an event's, the third an event's too */
#endif
#ifndef PERSON
#define PERSON 1       /* any of them may be a person's cancellation instead */
#endif
#ifndef APPROVALS
#define APPROVALS 0    /* so many callers approve, at once with all reviews */
#endif
#ifndef CONSOLE
#define CONSOLE 1      /* somebody confirms or cancels in the console */
#endif
#ifndef ENDS
#define ENDS 1         /* jobs lapse, finish, fail and are forgotten by S3 */
#endif
#ifndef BARS
#define BARS 1         /* pause and breaker */
#endif
#ifndef MARKS
#define MARKS 1        /* shadow and adoption: reviews that only report */
#endif
#ifndef EXPIRY
#define EXPIRY 0       /* cancel_held_after is set */
#endif
#ifndef GRACE
#define GRACE 0        /* 1: a violation that cancels has a grace, which ends some time after the job is Suspended */
#endif
#ifndef GATING
#define GATING 0       /* the job asks for confirmation: 0 it does, and S3 says so; 1 it does not, and S3 says so;
                          2 S3 does not say, as recorded. The policies say ungated_jobs: cancel */
#endif
#ifndef HIDES
#define HIDES 0        /* S3 says NoSuchJob of a job that is there: 1 DescribeJob at any time; 2 the listing with it, once
                          and for less than minutes; 3 both, for longer, and shows the job again then */
#endif
#ifndef REASONS_KEPT
#define REASONS_KEPT 1 /* 0: S3 may forget the reason in later statuses */
#endif
#ifndef ON_TIME
#define ON_TIME 0      /* 1: no update takes effect after its lease */
#endif
#ifndef TOO_LATE
#define TOO_LATE 0     /* 1: updates may take effect even 15 minutes after the lease */
#endif
#ifndef SWEEP_ALONE
#define SWEEP_ALONE 0  /* 1: one reviewer, that starts only when the sweep has work */
#endif

/* The rules that check.py takes out, one at a time. */
#ifndef WITHOUT
#define WITHOUT 0
#endif
#define RULE(r) (WITHOUT != r)
#define CLAIM_FIRST        1
#define ON_REV             2
#define FINAL              3
#define LEASE              4
#define LEASE_EVERYWHERE   5
#define EVALUATE_AGAIN       6
#define MAYBE_SENT         7
#define ONE_WAY            8
#define ONE_WAY_PEOPLE     9
#define KEEP_REQUESTED_ACTION    10
#define LEFT_TO_LEASE     11
#define CERTAIN_ONLY      12
#define WAIT_AS_OWNER     13
#define HELD_REASON       14
#define BY_REQUESTED_ACTION      15
#define UNATTRIBUTED      16
#define WAIT_15           17
#define CLOCK_FIRST       18
#define S3_SAYS           19
#define FRESH             20
#define VALID_UNTIL       21
#define VALID_EXPIRY      22
#define SEND_IN_LEASE     23
#define OWN_ID            24
#define ANNOUNCE_AGAIN    25
#define ANNOUNCE_SETTLED  26
#define DUE_HOLD          27
#define DUE_CLAIM         28
#define DUE_END           29
#define GONE_CLOSES       30
#define RUNNING_EVALUATED    31
#define ALARM_SETTLED     32
#define PAUSE_IN_CLAIM    33
#define CIRCUIT_BREAKER_IN_CLAIM    34
#define SHADOW_HOLDS      35
#define ADOPTED_HELD      36
#define EXPIRY_FRESH      37
#define EXPIRY_KNOWN      38
#define KNOWN_TIME        39
#define ONE_CHANCE        40
#define GRACE_FIRST       41
#define UNKNOWN_LEFT      42
#define UNKNOWN_NAMED     43
#define DATE_BY_SETTING   44
#define ASKED_AGAIN       45
#define LISTING_FIRST     46
#define REOPENED          47
#define REOPENED_UNSENT   48
#define CLOCKS            49
#define APPENDED_ON_REV   50
#define CLAIM_UNTOUCHED   51
#define APPROVAL_DUE      52
#define APPROVALS_KEPT    53
#define KEPT_BY_OWNER     54
#define OWNER_AGAIN       55
#define OWN_CLAIM_ONLY    56
#define BY_DIGEST         57
#define OWN_SNAPSHOT      58
#define AS_SHOWN          59
#define ONE_PERSON        60
#define WHO_MAY           61
#define NOT_REQUESTER     62
#define REQUESTER_KNOWN   63
#define HOLDS_ONLY        64

mtype = { none, held, claimed, settled };                 /* STATE's state; none: there is no item */
mtype = { nothing, approve, cancel, hold };               /* requested actions and verdicts */
mtype = { applied, superseded, lapsed, leave };           /* outcomes; leave: no end yet */
mtype = { ran_ungated, ran_unknown };                     /* outcomes of jobs that did not ask, and that may not have */
mtype = { asks, asks_not, asks_unknown };                 /* what the gate knows of that */
mtype = { New, Suspended, Running, Finished, Cancelled, Failed, Gone };   /* S3's statuses, by the table's columns */
mtype = { no_reason, ours, theirs };                      /* the reason on the job; ours carries the job's claim id */
mtype = { good, window_closed, violated, unknown, forbidden, shadow, adopted };   /* what facts and policies come to */
mtype = { done_200, refused, throttled };                 /* what S3 answered */
mtype = { sweep, event_review, person };
mtype = { colleague, same_person, requester, outsider };  /* who the second caller is */

/* STATE in the ledger. `requested_action` is nothing unless an update may have been sent. */
mtype state = none, requested_action = nothing, outcome = nothing, verdict = nothing;
bit maybe_sent, lease_live, over_15, unattributed, announced, due;
byte held_for;                       /* for known reasons: 0 never, 1 held, 2 longer than cancel_held_after; 3: not all of it known */
bit needs_review_before_expiry;                     /* the last hold was not for known reasons: no time counts until a review holds for such */
byte missing;                        /* S3 said NoSuchJob: 1 lately, 2 minutes ago, and has not shown the job since */
bit ungated;                         /* what is held or claimed did not ask for confirmation */
bit by_first[2], by_second[2];       /* the approvals, by caller and digest */
bit due_now;                         /* due_at is not later than now */

/* S3, and updates under way */
mtype job = New, reason = no_reason;
bit gated = (GATING != 1);           /* whether it asks for confirmation in truth */
bit date, date_survives, we_know;    /* SuspendedDate is there; it stays after Suspended; the setting says so */
byte unseen;                         /* S3 does not show the job: 0 not yet, 1 now, 2 it did not for a while */
bit grace_over = !GRACE;             /* SuspendedDate and the clock */
bit digest;                          /* which of two jobs it is now: everything but status, dates and progress */
mtype asked[3] = nothing;            /* what p asked of S3 and waits for; then S3's answer */
bit late_ready, late_cancel;

/* What the policies want of approvals; with a second caller who is the requester, `not_requester` too */
mtype second = nothing;
bit two_wanted;
bit requester_known;                 /* CloudTrail has the job's record */

/* The reviews under way, and the approval (2) */
bit busy[3];
byte stale[3];                       /* 1: only approvals were appended to p's own claim; 2: whatever else was written */
bit owns[3];                         /* p wrote a claim, and no end or hold over it yet */
bit own_lease[3];                    /* p claimed, and its own lease is not over */
typedef Read { mtype state, requested_action, job, reason; bit lease_live, over_15, date, digest, counted };
Read read[3];                        /* what p read of STATE and of S3 */
#define s_state     read[p].state
#define s_requested_action read[p].requested_action
#define s_lease_live read[p].lease_live
#define s_over_15   read[p].over_15
#define d_job       read[p].job
#define d_reason    read[p].reason
#define d_date      read[p].date
#define d_digest    read[p].digest
#define d_counted   read[p].counted  /* the digest whose approvals p counts */

/* What only the promises look at */
bit we_readied, we_cancelled, they_readied, they_cancelled, alarm, truly_held, acted;
mtype told = nothing;
bit from_claim;
bit first_saw[2], second_saw[2];     /* what each caller saw and approved */
bit not_counted;                     /* an approval was appended since a review counted them */
bit given_up;                        /* an owner knew S3's answer, and did not write it */

/* Does the job ask for confirmation, as far as p can know? (jobs/model.py: asks_for_confirmation) */
#if GATING == 0
#define D_ASKS asks
#elif GATING == 1
#define D_ASKS asks_not
#else
#define D_ASKS (d_job == Suspended || d_date || (s_state == held || s_state == claimed) && !ungated -> asks : \
  ((we_know || !RULE(DATE_BY_SETTING)) && (d_job == Running || d_job == Finished) -> asks_not : asks_unknown))
#endif
#define REOPENS (RULE(REOPENED) && (outcome != applied && !maybe_sent || !RULE(REOPENED_UNSENT)))

/* Which approvals of a job count (policy/evaluate.py), and which should. `any` of the digests, without that rule. */
#define GAVE(who_gave, d) (who_gave[d] || !RULE(BY_DIGEST) && who_gave[1 - d])
#define SECOND_COUNTS(d) (GAVE(by_second, d) && (second == colleague \
  || second == same_person && (!GAVE(by_first, d) || !RULE(ONE_PERSON)) || second == outsider && !RULE(WHO_MAY) \
  || second == requester && (!requester_known && !RULE(REQUESTER_KNOWN) || !RULE(NOT_REQUESTER))))
#define ENOUGH(d) (APPROVALS && (second != requester || requester_known || !RULE(REQUESTER_KNOWN)) && \
  GAVE(by_first, d) + SECOND_COUNTS(d) > two_wanted)
#define TRULY_ENOUGH(d) (APPROVALS && (second != requester || requester_known) && \
  (first_saw[d] || second == same_person && second_saw[d]) + (second == colleague && second_saw[d]) > two_wanted)
#define COUNTS_RIGHT (RULE(AS_SHOWN) && RULE(OWN_SNAPSHOT))   /* else promise 1 breaks, too: that is the one to look for */
#define LOST(d) (COUNTS_RIGHT && (first_saw[d] != by_first[d] || second_saw[d] != by_second[d]))

#if SWEEP_ALONE
#define ACTED acted = 1
#else
#define ACTED skip
#endif
#define PROMISE(holds, broken) if :: holds :: else -> printf(broken); assert(false) fi

#define RAN(j) (j == Running || j == Finished)
#define MOVED_AS(j) (RAN(j) -> approve : (j == Cancelled -> cancel : nothing))

/* Does the settled ledger say what happened? If S3 forgets reasons, a job that we approved and that failed is lapsed. */
#define AGREES ( \
     (outcome == applied && verdict == approve && (we_readied || unattributed && they_readied) && !we_cancelled) \
  || (outcome == applied && verdict == cancel && (we_cancelled || unattributed && they_cancelled) && !we_readied) \
  || (outcome == superseded && !we_cancelled && (!we_readied || they_cancelled) && (they_readied || they_cancelled)) \
  || (outcome == ran_ungated && !we_cancelled && !gated) \
  || (outcome == ran_unknown && !we_cancelled && !we_readied && (!gated || they_readied || they_cancelled)) \
  || (outcome == lapsed && (HIDES == 3 && unseen || job == Gone || job == Failed && !we_cancelled && (!we_readied || !REASONS_KEPT))))

#define CONTRADICTS(j, r) (j == Suspended || j == Cancelled && r == ours && !(outcome == applied && verdict == cancel))
#define CANCEL_MAY_COME (job == Running && requested_action == cancel && !over_15)
#define LEASE_OVER (state == claimed && !lease_live)
#define ENDED (RAN(job) && gated || job == Finished || job == Cancelled || job == Failed || job == Gone)

/* What the sweep finds and must move: the listing of waiting jobs, and the open index by due_at. A held job that
 * waits is looked at again when it is due; what comes of that is the policies' affair. */
#define WORK ( \
     job == Suspended && unseen != 1 && (state == none || LEASE_OVER && due || state == settled && announced && (REOPENS || !alarm)) \
  || (ENDED || unseen == 1) && (state == held || LEASE_OVER) && due && !CANCEL_MAY_COME && missing != 1 \
  || state == settled && !announced && due \
  || APPROVALS && job == Suspended && state == held && due_now && not_counted)

/* Where a job may be left: not ready yet, held with somebody to look again, ended and told of, or none of the gate's. */
#define AT_REST ( \
     job == New \
  || (job == Suspended || !gated && job == Running) && (state == held || LEASE_OVER) && due \
  || (job != Suspended || alarm && (outcome == applied || maybe_sent)) && state == settled && announced && told == outcome \
  || job != Suspended && state == none)

/* Whoever else is at work will find its condition failed: it can do nothing more, so what it read is forgotten. */
#define CONDITIONS_HOLD (RULE(ON_REV) && RULE(OWN_ID))
inline forget(q) {
  read[q].state = 0; read[q].requested_action = 0; read[q].lease_live = 0; read[q].over_15 = 0; read[q].job = 0; read[q].reason = 0;
  read[q].date = 0; read[q].digest = 0; read[q].counted = 0
}
inline overtake(q, only_appended) {
  if
  :: busy[q] && q != p && only_appended && owns[q] && stale[q] != 2 -> stale[q] = 1
  :: busy[q] && q != p && !(only_appended && owns[q] && stale[q] != 2) ->
     stale[q] = 2; owns[q] = 0; if :: CONDITIONS_HOLD && (q != 2 || RULE(APPENDED_ON_REV)) -> forget(q) :: else fi
  :: else
  fi
}
inline wrote() { overtake(0, 0); overtake(1, 0); overtake(2, 0); stale[p] = 0 }
inline appended() { overtake(0, 1); overtake(1, 1); overtake(2, 1); stale[p] = 0 }
inline drop_approvals() { by_first[0] = 0; by_first[1] = 0; by_second[0] = 0; by_second[1] = 0 }

/* The owner of a claim to which approvals were appended reads it again and writes over it, with the approvals. */
#define OVERTAKEN (stale[p] == 2 && RULE(OWN_CLAIM_ONLY) || stale[p] == 1 && !RULE(OWNER_AGAIN))

inline describe() {
  if
  :: job == Gone || unseen == 1 -> d_job = Gone; d_reason = no_reason
  :: HIDES == 1 && job != New -> d_job = Gone; d_reason = no_reason
  :: !(job == Gone || unseen == 1) -> d_job = job; d_reason = reason; d_date = date; d_digest = digest
  fi
}

/* What it is called when nothing of ours was applied to a job that ran, or was cancelled. */
#define BY_OTHERS (D_ASKS == asks || D_ASKS == asks_unknown && !RULE(UNKNOWN_NAMED) -> superseded : \
  (D_ASKS == asks_not -> ran_ungated : ran_unknown))

/* Columns "Ready" to "gone" for an item that is held, or claimed with the lease over (protocol.py: _end). */
inline read_end() {
  un = 0; end_verdict = nothing;
  if
  :: d_reason == ours && s_requested_action != nothing && (s_state != held || RULE(HELD_REASON)) ->
     end = applied; end_verdict = (RULE(BY_REQUESTED_ACTION) || s_state == claimed -> s_requested_action : nothing)
  :: else ->
     if
     :: d_reason == no_reason && s_requested_action != nothing && MOVED_AS(d_job) == s_requested_action && RULE(UNATTRIBUTED) ->
        end = applied; end_verdict = s_requested_action; un = 1
     :: d_job == Running && s_requested_action == cancel && !s_over_15 && RULE(WAIT_15) -> end = leave
     :: else -> end = (d_job == Gone || d_job == Failed && D_ASKS == asks -> lapsed : BY_OTHERS)
     fi
  fi
}

inline end_or_leave() {
  read_end();
  if
  :: end == leave -> printf("%e: a cancel may still come\n", who); goto rest
  :: end != leave -> forget(p); goto settle
  fi
}

/* What is written over a settled end that S3 contradicts: the job is open again. */
inline reopen() {
  if
  :: state == settled -> outcome = nothing; verdict = nothing; announced = 0; unattributed = 0; told = nothing; alarm = 0
  :: else
  fi
}

/* What the owner reads from S3 after its own update (protocol.py: _end_for_owner). */
inline read_own_end(sent) {
  un = 0; end_verdict = nothing;
  if
  :: d_reason == ours -> end = applied; end_verdict = v
  :: d_reason == no_reason && (sent) && MOVED_AS(d_job) == v -> end = applied; end_verdict = v; un = 1
  :: else -> end = (unasked -> BY_OTHERS : (d_job == Failed -> lapsed : superseded))
  fi
}

proctype Review(byte p; mtype usual) {
  mtype who = usual, d_facts, v, end, end_verdict;
  bit un, expired, marked, unasked, lifted;

idle: /* 1. read STATE */
  atomic {
    !(state == settled && announced && !(TOO_LATE && CONTRADICTS(job, reason) && !alarm) && job != Suspended) &&
      (!SWEEP_ALONE || WORK) ->
    busy[p] = 1; acted = 0; s_state = state; s_requested_action = requested_action;
    if :: !RULE(OWN_SNAPSHOT) -> d_counted = digest :: else fi;
    if :: PERSON -> who = person :: skip fi
  };

  /* then the clock, and describe */
  atomic {
    if :: stale[p] && CONDITIONS_HOLD -> printf("%e: somebody else wrote first\n", who); goto rest :: else fi;
    d_step { s_lease_live = lease_live; s_over_15 = over_15 };
    describe(); if :: RULE(OWN_SNAPSHOT) -> d_counted = d_digest :: else fi;
    printf("%e: reads %e, S3 says %e\n", who, s_state, d_job)
  };

  /* 2. the table */
  atomic {
    if :: stale[p] && CONDITIONS_HOLD -> printf("%e: somebody else wrote first\n", who); goto rest :: else fi;
    if :: !RULE(CLOCK_FIRST) -> s_lease_live = lease_live; s_over_15 = over_15 :: else fi;
    if
    :: !RULE(CLOCKS) -> s_lease_live = 0; s_over_15 = 1; printf("%e: its clock is far ahead\n", who)
    :: skip
    fi;
    if
    :: s_state == settled && announced && d_job == Suspended && REOPENS ->
       printf("%e: alarm, S3 contradicts what is settled; it is open again\n", who); alarm = 1   /* evaluate anew */
    :: s_state == settled && RULE(FINAL) && !(announced && d_job == Suspended && REOPENS) ->
       if                                                                /* row settled */
       :: CONTRADICTS(d_job, d_reason) && RULE(ALARM_SETTLED) -> alarm = 1; printf("%e: alarm, S3 contradicts what is settled\n", who)
       :: else
       fi;
       PROMISE(AGREES || alarm || d_job != Cancelled || d_reason != ours, "BROKEN 3 a contradiction of what is settled rings no alarm\n");
       if
       :: !announced && RULE(ANNOUNCE_AGAIN) -> goto tell
       :: else -> printf("%e: nothing to do\n", who); goto rest
       fi
    :: s_state == claimed && s_lease_live && RULE(LEASE) &&
         (RULE(LEASE_EVERYWHERE) || d_job == Suspended || d_job == New) ->
       printf("%e: leaves it to the claim's owner\n", who); goto rest    /* row claimed, lease live */
    :: else
    fi;
    if                                                                   /* S3 shows it again */
    :: missing && d_job != Gone && (s_state == held || s_state == claimed) ->
       if :: stale[p] && RULE(ON_REV) -> goto rest :: else -> d_step { missing = 0; wrote() } fi
    :: else
    fi;
    if
    :: d_job == Suspended -> skip                                        /* evaluate */
    :: d_job == New && gated && !RULE(S3_SAYS) -> skip
    :: (D_ASKS == asks_not || D_ASKS == asks_unknown && !RULE(UNKNOWN_LEFT)) && (d_job == New || d_job == Running) &&
         (s_state == none || RULE(RUNNING_EVALUATED)) -> skip
    :: else ->
       if
       :: d_job == New -> printf("%e: waits\n", who); goto rest          /* wait */
       :: s_state == none && RAN(d_job) -> end = BY_OTHERS; end_verdict = nothing; un = 0; forget(p); goto settle
       :: s_state == none && !RAN(d_job) -> printf("%e: nothing to do\n", who); goto rest
       :: d_job == Gone && s_state != none && !RULE(GONE_CLOSES) -> printf("%e: nothing to do\n", who); goto rest
       :: d_job == Gone && s_state != none && missing == 0 && RULE(ASKED_AGAIN) -> goto write_missing
       :: d_job == Gone && s_state != none && missing == 1 && RULE(ASKED_AGAIN) ->
          printf("%e: asks again in minutes\n", who); goto rest
       :: d_job == Gone && s_state != none && (missing == 2 || !RULE(ASKED_AGAIN)) && job != Gone &&
            !(HIDES >= 2 && unseen == 1) && RULE(LISTING_FIRST) ->
          printf("%e: the listing shows it\n", who); goto write_missing
       :: else ->
          PROMISE(D_ASKS != asks_not || d_job != Running, "BROKEN 2 an ungated job that runs is let go without being evaluated\n");
          end_or_leave()
       fi
    fi;

    /* evaluate: facts, tags and policies are whatever they were when S3 was asked */
    if
    :: d_facts = good
    :: d_facts = window_closed
    :: d_facts = violated
    :: d_facts = unknown
    :: d_facts = forbidden
    :: MARKS -> d_facts = shadow
    :: MARKS -> d_facts = adopted
    fi;
    v = hold; lifted = (ENOUGH(d_counted) && D_ASKS == asks && (d_facts != forbidden || !RULE(HOLDS_ONLY)));
    if
    :: who == person -> v = cancel
    :: who != person && s_state == claimed && !RULE(EVALUATE_AGAIN) -> v = s_requested_action
    :: else ->
       if
       :: d_facts == forbidden && (grace_over || D_ASKS == asks_not || !RULE(GRACE_FIRST)) -> v = cancel
       :: (d_facts == good || lifted) && D_ASKS == asks -> v = approve
       :: EXPIRY && !lifted && D_ASKS == asks && held_for >= 2 && !(needs_review_before_expiry && RULE(ONE_CHANCE)) && s_state != none && (d_facts == violated || d_facts == window_closed ||
            d_facts == unknown && !RULE(EXPIRY_KNOWN) || d_facts == good && !RULE(EXPIRY_FRESH)) ->
          v = cancel; expired = 1
       :: !lifted && d_facts == shadow && !RULE(SHADOW_HOLDS) || !lifted && d_facts == adopted && !RULE(ADOPTED_HELD) ->
          if :: D_ASKS == asks -> v = approve :: v = cancel fi
       :: else
       fi
    fi;
    printf("%e: facts and policies say %e, verdict %e\n", who, d_facts, v);
    PROMISE(who == person || v != hold || d_facts == forbidden || D_ASKS != asks || !TRULY_ENOUGH(d_digest) || !COUNTS_RIGHT,
      "BROKEN 2 a job that enough people approved is held\n");
    lifted = 0;
    if
    :: D_ASKS != asks && v != cancel ->                                  /* nothing written, or reported once it runs */
       if
       :: d_job == New -> printf("%e: waits\n", who); goto rest
       :: d_job != New && s_state == none -> end = BY_OTHERS; end_verdict = nothing; un = 0; forget(p); goto settle
       :: else -> end_or_leave()
       fi
    :: else
    fi;
    if
    :: v == hold -> marked = !(d_facts == violated || d_facts == window_closed || d_facts == forbidden);
       unasked = (D_ASKS == asks_not); forget(p); goto write_hold
    :: v != hold && s_requested_action != nothing && s_requested_action != v && RULE(ONE_WAY) &&
         (who != person || RULE(ONE_WAY_PEOPLE)) ->
       printf("%e: not against what may have been sent; alarm\n", who); marked = 1;
       PROMISE(!given_up, "BROKEN 2 a job is held for an update that was surely not sent\n");
       unasked = (D_ASKS == asks_not); forget(p); goto write_hold
    :: else
    fi;
    PROMISE(who == person || TRULY_ENOUGH(d_digest) || d_facts != shadow && d_facts != adopted,
      "BROKEN 4 a claim for a job in shadow, or created before the deploy\n");
    PROMISE(v == approve || d_job == Suspended || !gated, "BROKEN 4 a cancellation of a job that asks for confirmation, and is not Suspended\n");
    PROMISE(v == cancel || d_job == Suspended, "BROKEN 1 an approval of a job that S3 did not say is Suspended\n");
    PROMISE(v == cancel || d_facts == good || d_facts != forbidden && TRULY_ENOUGH(d_digest),
      "BROKEN 1 an approval that neither the policies nor enough people give\n");
    PROMISE(v == approve || who == person || d_facts != forbidden || grace_over || D_ASKS == asks_not,
      "BROKEN 4 a cancellation before its grace is over\n");
    PROMISE(v == approve || who == person || d_facts == forbidden ||
      truly_held && held_for == 2 && (d_facts == violated || d_facts == window_closed),
      "BROKEN 4 a cancellation that the policies do not ask for\n");
    PROMISE(v == approve || who == person || d_facts == forbidden || !needs_review_before_expiry,
      "BROKEN 4 a cancellation for age by the first review after an outage\n");
    expired = expired && d_facts == window_closed;
    unasked = (D_ASKS == asks_not);
    forget(p); d_facts = 0;

    /* claim: the pause and, for reviews, the circuit breaker are checked in the same transaction */
    if
    :: stale[p] && !RULE(OWN_ID) -> printf("%e: takes another's claim for its own\n", who); own_lease[p] = 1; goto send
    :: else
    fi;
    if
    :: BARS && RULE(PAUSE_IN_CLAIM) -> printf("%e: the gate is paused\n", who); marked = 1; goto write_hold
    :: BARS && !RULE(PAUSE_IN_CLAIM) -> printf("the gate is paused\n"); printf("BROKEN 1 a claim while the gate is paused\n"); assert(false)
    :: BARS && v == cancel && who != person && RULE(CIRCUIT_BREAKER_IN_CLAIM) -> printf("%e: the circuit breaker is on\n", who); marked = 1; goto write_hold
    :: BARS && v == cancel && who != person && !RULE(CIRCUIT_BREAKER_IN_CLAIM) -> printf("another job's cancellation is claimed: the circuit breaker is on\n");
       printf("BROKEN 4 a cancellation is claimed beyond the circuit breaker\n"); assert(false)
    :: skip
    fi;
    if :: !RULE(CLAIM_FIRST) -> goto send :: else fi;
    d_step {
      maybe_sent = maybe_sent || (state == claimed && RULE(MAYBE_SENT)); reopen();
      state = claimed; requested_action = v; ungated = unasked && GATING == 2; missing = 0; lease_live = 1; own_lease[p] = 1; over_15 = 0; due = RULE(DUE_CLAIM); wrote();
      owns[p] = (APPROVALS > 0); due_now = 0; not_counted = 0; given_up = 0;
      printf("%e: claims %e\n", who, v)
    }
  };
  skip; /* anything may happen between two effects */

send: /* 3. facts, lease and window still hold */
  atomic {
    if
    :: own_lease[p] || !RULE(SEND_IN_LEASE) || !RULE(CLAIM_FIRST) ->
       if
       :: skip
       :: RULE(FRESH) -> printf("clock: 5 seconds since the facts were read\n"); goto withdraw
       :: !RULE(FRESH) -> printf("clock: 5 seconds since the facts were read\n");
          printf("BROKEN 1 an update rests on facts older than 5 seconds\n"); assert(false)
       :: who != person && v == approve && RULE(VALID_UNTIL) -> printf("clock: the window closes\n"); goto withdraw
       :: who != person && v == approve && !RULE(VALID_UNTIL) -> printf("clock: the window closes\n");
          printf("BROKEN 1 an approval outside its window\n"); assert(false)
       :: expired && RULE(VALID_EXPIRY) -> printf("clock: the window opens\n"); goto withdraw
       :: expired && !RULE(VALID_EXPIRY) -> printf("clock: the window opens\n");
          printf("BROKEN 4 a cancellation for a closed window that is open\n"); assert(false)
       fi;
       printf("%e: sends %e\n", who, v);
       PROMISE(!(v == cancel && we_readied) && !(v == approve && we_cancelled),
         "BROKEN 3 an update against one that took effect\n");
       PROMISE(state == claimed && lease_live && stale[p] != 2, "BROKEN 1 an update without a live claim\n");
       asked[p] = v
    :: else -> goto withdraw
    fi
  };

  if
  :: atomic { asked[p] == done_200 -> asked[p] = nothing; end = applied; end_verdict = v; un = 0;
       printf("%e: S3 answers 200\n", who); goto settle }
  :: atomic { asked[p] == refused -> asked[p] = nothing; printf("%e: S3 refuses\n", who); goto after_refusal }
  :: atomic { asked[p] == throttled -> asked[p] = nothing; printf("%e: S3 throttles\n", who);
       if :: goto send :: goto withdraw fi }
  :: atomic { asked[p] != nothing -> printf("%e: hears nothing from S3\n", who);
       late_ready = late_ready || asked[p] == approve; late_cancel = late_cancel || asked[p] == cancel;
       asked[p] = nothing; ACTED;
       if :: skip :: ACTED; printf("%e: crashes\n", who); goto rest fi }
  fi;

  /* after an unclear answer: only certainty is settled, the rest is left to the lease */
  atomic {
    describe(); printf("%e: describes, S3 says %e\n", who, d_job);
    if
    :: d_reason == ours || d_job == Finished || d_job == Cancelled || d_job == Failed ||
         d_job == Running && v == approve || d_job == Running && !unasked && !RULE(CERTAIN_ONLY) ->
       read_own_end(1); forget(p); goto settle_own
    :: else -> forget(p); if :: RULE(LEFT_TO_LEASE) -> printf("%e: leaves the claim to its lease\n", who); goto rest :: else -> goto withdraw fi
    fi
  };

after_refusal: /* this update had no effect; an earlier one, maybe_sent, may */
  atomic {
    describe(); printf("%e: describes, S3 says %e\n", who, d_job);
    if
    :: d_reason == ours || d_job == Finished || d_job == Cancelled || d_job == Failed ||
         d_job == Running && !unasked && !(maybe_sent && v == cancel && RULE(WAIT_AS_OWNER)) ->
       read_own_end(maybe_sent); forget(p); goto settle_own
    :: d_job == Gone -> printf("%e: leaves the claim to its lease\n", who); goto rest
    :: else -> forget(p)
    fi
  };

withdraw: /* surely not sent, or surely refused: the claim is given back, due now */
  atomic {
    if
    :: OVERTAKEN -> printf("%e: somebody else wrote first\n", who); given_up = (stale[p] == 1); goto rest
    :: !OVERTAKEN -> d_step {
         if :: stale[p] && !RULE(KEPT_BY_OWNER) -> drop_approvals() :: else fi;
         state = held; lease_live = 0; due = RULE(DUE_HOLD); due_now = (APPROVALS > 0); owns[p] = 0;
         if :: maybe_sent && RULE(KEEP_REQUESTED_ACTION) :: else -> requested_action = nothing; maybe_sent = 0; over_15 = 0 fi;
         if :: EXPIRY -> needs_review_before_expiry = 1 :: else fi;
         wrote()
       };
       printf("%e: withdraws\n", who); goto rest
    :: ACTED; printf("%e: crashes\n", who); goto rest
    fi
  };

write_missing: /* the first NoSuchJob of a job that was there decides nothing */
  atomic {
    if
    :: stale[p] && RULE(ON_REV) -> printf("%e: somebody else wrote first\n", who); goto rest
    :: !stale[p] || !RULE(ON_REV) -> d_step {
         missing = 1; if :: EXPIRY -> needs_review_before_expiry = 1 :: else fi;
         wrote(); printf("%e: asks again in minutes\n", who)
       };
       goto rest
    fi
  };

write_hold:
  atomic {
    if
    :: who == person -> printf("person: is refused\n"); goto rest
    :: stale[p] && RULE(ON_REV) && who != person -> printf("%e: somebody else wrote first\n", who); goto rest
    :: (!stale[p] || !RULE(ON_REV)) && who != person -> d_step {
         maybe_sent = maybe_sent || (state == claimed && RULE(MAYBE_SENT)); reopen();
         if :: !maybe_sent -> requested_action = nothing; over_15 = 0 :: else fi;
         state = held; lease_live = 0; due = RULE(DUE_HOLD); missing = 0; ungated = unasked && GATING == 2;
         due_now = 0; not_counted = 0; if :: !RULE(APPROVALS_KEPT) -> drop_approvals() :: else fi;
         if
         :: EXPIRY && !marked -> if :: held_for == 0 -> held_for = 1 :: else fi; truly_held = 1; needs_review_before_expiry = 0
         :: EXPIRY && marked -> needs_review_before_expiry = 1
         :: else
         fi;
         wrote()
       };
       printf("%e: holds\n", who); goto rest
    fi
  };

settle_own: skip;
settle: /* 4. conditional, and final */
  atomic {
    if
    :: !RULE(ANNOUNCE_SETTLED) ->
       PROMISE(told == nothing || told == end, "BROKEN 3 two different ends are announced\n");
       told = end; printf("%e: announces %e %e\n", who, end, end_verdict)
    :: else
    fi;
    if
    :: ACTED; printf("%e: crashes\n", who); goto rest
    :: OVERTAKEN && RULE(ON_REV) -> printf("%e: somebody else wrote first\n", who); given_up = (stale[p] == 1); goto rest
    :: !OVERTAKEN || !RULE(ON_REV) ->
       PROMISE(state != settled, "BROKEN 3 settled twice\n");
       if
       :: state == held && end == applied && !un -> alarm = 1; printf("%e: alarm, it took effect after a hold\n", who)
       :: else
       fi;
       PROMISE(!ON_TIME || !alarm, "BROKEN 3 an alarm though every update was on time\n");
       d_step {
         from_claim = (state == claimed);
         state = settled; outcome = end; verdict = end_verdict; unattributed = un; due = RULE(DUE_END); wrote();
         requested_action = nothing; maybe_sent = HIDES == 3 && (maybe_sent || from_claim); missing = 0; ungated = 0;
         lease_live = 0; over_15 = 0; held_for = 0; truly_held = 0; needs_review_before_expiry = 0;
         owns[p] = 0; due_now = 0; not_counted = 0; given_up = 0; digest = 0; drop_approvals();   /* kept, and of no more use */
         first_saw[0] = 0; first_saw[1] = 0; second_saw[0] = 0; second_saw[1] = 0;
         forget(p); d_facts = 0; v = 0; end = 0; end_verdict = 0;
         from_claim = 0; printf("%e: settles %e %e\n", who, outcome, verdict)
       };
       PROMISE(TOO_LATE || AGREES, "BROKEN 3 what is settled is not what happened\n")
    fi
  };

tell: /* 5. at least once */
  atomic {
    if :: skip :: ACTED; printf("%e: crashes\n", who); goto rest fi;
    PROMISE(told == nothing || told == outcome, "BROKEN 3 two different ends are announced\n");
    told = outcome; printf("%e: announces %e %e\n", who, outcome, verdict)
  };
  atomic {
    if
    :: ACTED; printf("%e: crashes\n", who); goto rest
    :: stale[p] -> printf("%e: somebody else wrote first\n", who); goto rest
    :: !stale[p] -> announced = 1; due = 0; wrote(); printf("%e: is done\n", who); goto rest
    fi
  };

rest:
  atomic {
    PROMISE(!SWEEP_ALONE || acted || !WORK || s_state != state && s_state != 0,
      "BROKEN 2 the sweep finds work, does nothing, and would for ever\n");
    d_step {
      busy[p] = 0; stale[p] = 0; own_lease[p] = 0; owns[p] = 0; forget(p); who = usual; d_facts = 0; v = 0; end = 0; end_verdict = 0; un = 0; expired = 0; marked = 0; unasked = 0
    };
    goto idle
  }
}

#if APPROVALS
/* Somebody approves. The review that follows in the same invocation is like any other. */
proctype Approval(byte p) {
  mtype who = person;

idle: /* reads STATE and describes: the job is the one that the caller was shown */
  atomic {
    job == Suspended && state != settled -> busy[p] = 1; s_state = state; s_requested_action = requested_action; d_digest = digest
  };

  atomic {
    if
    :: stale[p] && RULE(APPENDED_ON_REV) -> printf("%e: somebody else wrote first\n", who)
    :: !stale[p] || !RULE(APPENDED_ON_REV) -> d_step {
         if
         :: stale[p] -> state = (s_state == none -> held : s_state); requested_action = s_requested_action
         :: !stale[p] && (state == none || !RULE(CLAIM_UNTOUCHED)) -> state = held; lease_live = 0
         :: else
         fi
       };
       if
       :: by_first[d_digest] = 1; first_saw[d_digest] = 1; printf("a person who may: approves job %d\n", d_digest)
       :: APPROVALS == 2 -> by_second[d_digest] = 1; second_saw[d_digest] = 1; printf("%e: approves job %d\n", second, d_digest)
       :: !RULE(AS_SHOWN) ->
          by_first[d_digest] = 1; first_saw[1 - d_digest] = 1; printf("a person who may: approves job %d, shown before\n", 1 - d_digest)
       fi;
       d_step { due = 1; due_now = RULE(APPROVAL_DUE); not_counted = 1; ACTED; appended() }
    fi;
    d_step { busy[p] = 0; stale[p] = 0; forget(p) };
    goto idle
  }
}
#endif

#define LEAVES_SUSPENDED date = date && date_survives

/* An update reaches S3. */
inline takes_effect(what, result) {
  if
  :: what == approve && job == Suspended ->
     job = Running; reason = ours; we_readied = 1; LEAVES_SUSPENDED; result = done_200
  :: what == cancel && (job == New || job == Suspended || job == Running) ->
     job = Cancelled; reason = ours; we_cancelled = 1; LEAVES_SUSPENDED; result = done_200
  :: else -> result = refused
  fi;
  if :: result == done_200 -> printf("S3: takes the %e\n", what) :: else fi;
  PROMISE(!(we_readied && we_cancelled), "BROKEN 3 the gate approved and cancelled one job\n");
  PROMISE(TOO_LATE || state != settled || AGREES, "BROKEN 3 what is settled is no longer what happened\n")
}

#define ASKED(i) (asked[i] == approve || asked[i] == cancel)
#define OPEN (state != settled)

active proctype World() {
  byte i; mtype result;
#if GATING == 2
  atomic { /* before anything else of S3's can happen */
    if :: gated = 1 :: gated = 0 fi;
    if :: date_survives = 1; if :: we_know = 1 :: skip fi :: skip fi
  };
#endif
#if APPROVALS == 2
  atomic { if :: second = colleague; two_wanted = 1 :: second = same_person; two_wanted = 1 :: second = requester :: second = outsider fi };
#endif
end: do
  :: d_step { job == New && gated -> job = Suspended; date = (GATING == 2); ACTED; printf("S3: the job is Suspended\n") }
  :: d_step { job == New && !gated -> job = Running; ACTED; printf("S3: the job runs\n") }
  :: atomic { ASKED(0) -> i = 0; goto arrives }
  :: atomic { ASKED(1) -> i = 1; goto arrives }
  :: atomic { ASKED(2) -> i = 2; goto arrives }
  :: atomic { late_ready -> late_ready = 0; ACTED; takes_effect(approve, result); result = 0 }
  :: atomic { late_cancel -> late_cancel = 0; ACTED; takes_effect(cancel, result); result = 0 }
  :: d_step { late_ready || late_cancel -> late_ready = 0; late_cancel = 0; ACTED }
#if CONSOLE
  :: atomic { OPEN && job == Suspended -> job = Running; they_readied = 1; LEAVES_SUSPENDED; ACTED;
       if :: reason = theirs :: reason = no_reason fi; printf("console: confirms the job\n") }
  :: atomic { OPEN && (job == Suspended || job == Running) -> job = Cancelled; they_cancelled = 1; LEAVES_SUSPENDED; ACTED;
       if :: reason = theirs :: reason = no_reason :: skip fi; printf("console: cancels the job\n") }
#endif
#if ENDS
  :: d_step { OPEN && job == Suspended -> job = Failed; LEAVES_SUSPENDED; ACTED; printf("S3: the job lapses after 30 days\n") }
  :: atomic { OPEN && job == Running -> ACTED; if :: job = Finished :: job = Failed fi;
       if :: !REASONS_KEPT -> reason = no_reason :: skip fi; printf("S3: the job ends, %e\n", job) }
  :: d_step { (job == Cancelled || job == Finished || job == Failed) && (state == held || state == claimed) ->
       job = Gone; reason = no_reason; date = 0; ACTED; printf("S3: the job is forgotten\n") }
#endif
  :: d_step { missing == 1 && (HIDES != 2 || unseen != 1) -> missing = 2; ACTED; printf("clock: minutes after NoSuchJob\n") }
#if HIDES >= 2
  :: d_step { unseen == 0 && job != New -> unseen = 1; ACTED; printf("S3: does not show the job\n") }
  :: d_step { unseen == 1 -> unseen = 2; ACTED; printf("S3: shows the job again\n") }
#endif
#if APPROVALS
  :: d_step { OPEN && job == Suspended -> digest = 1 - digest; ACTED; printf("requester: the job is now job %d\n", digest) }
  :: d_step { second == requester && !requester_known -> requester_known = 1; ACTED; printf("CloudTrail: has the requester\n") }
#endif
#if EXPIRY
  :: d_step { held_for == 1 && !needs_review_before_expiry -> held_for = 2; ACTED; printf("clock: held longer than cancel_held_after\n") }
  :: d_step { held_for == 1 && needs_review_before_expiry && !RULE(KNOWN_TIME) -> held_for = 3; ACTED;
       printf("clock: held longer than cancel_held_after, with what was not known\n") }
#endif
#if GRACE
  :: d_step { !grace_over && job != New -> grace_over = 1; ACTED; printf("clock: the grace is over\n") }
#endif
  :: d_step { state == claimed && lease_live &&
         !(ON_TIME && (late_ready || late_cancel || ASKED(0) || ASKED(1) || ASKED(2))) ->
       lease_live = 0; own_lease[0] = 0; own_lease[1] = 0; own_lease[2] = 0; ACTED; printf("clock: the lease ends\n") }
  :: d_step { !over_15 && !lease_live && requested_action == cancel &&
         (TOO_LATE || !(late_cancel || asked[0] == cancel || asked[1] == cancel || asked[2] == cancel)) ->
       over_15 = 1; ACTED; printf("clock: 15 minutes after the lease\n") }
  od;
arrives: /* or it is refused without cause (denied), or throttled */
  atomic {
    ACTED;
    if
    :: takes_effect(asked[i], result); asked[i] = result
    :: asked[i] = refused
    :: asked[i] = throttled
    fi;
    i = 0; result = 0; goto end
  }
}

/* Promise 2: when nobody is at work and the sweep would find nothing, the job is where it may be left. */
active proctype Monitor() {
end: do
  :: atomic { !busy[0] && !busy[1] && !busy[2] && !(state == claimed && lease_live) && !CANCEL_MAY_COME &&
         !WORK && !AT_REST && missing != 1 && unseen != 1 -> printf("BROKEN 2 nobody would ever look again\n"); assert(false) }
#if APPROVALS
  :: atomic { OPEN && (LOST(0) || LOST(1)) -> printf("BROKEN 2 an approval of an open job is lost\n"); assert(false) }
  :: atomic { not_counted && !due_now && job == Suspended && (state == held || LEASE_OVER) && !busy[0] && !busy[1] && !busy[2] ->
       printf("BROKEN 2 an approval was appended, and nobody would look soon\n"); assert(false) }
#endif
  od
}

init { atomic {
  run Review(0, sweep);
#if REVIEWS > 1
  run Review(1, event_review);
#endif
#if REVIEWS > 2
  run Review(2, event_review);
#endif
#if APPROVALS
  run Approval(2);
#endif
} }
