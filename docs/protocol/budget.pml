/* Two jobs and one budget under batchgate's decision protocol.
 *
 * gate.pml has one job in full; here is of a job only what can move a budget. The budget has room for one of the two
 * jobs in each of two periods. README.md beside this file has the rules; check.py runs this model through spin, whole
 * and with each rule taken out in turn. Names are those of functions/batchgate/gate/state.py and policy/budgets.py.
 *
 * What may happen, in any order and any number of times: reviews of both jobs, two of one at once; crashes between any
 * two effects; an update that is refused, answered late or not at all, or that takes effect late; policies and people
 * who approve or do not; people in the console; jobs that end, and that S3 does not show for a while; a period that
 * ends at any moment.
 *
 * Left out, as gate.pml has it: cancellations of the gate (they reserve nothing), the pause and the circuit breaker,
 * announcements, due_at. rev is stale[p] as there: somebody else wrote STATE since p read or wrote it.
 */

#ifndef REVIEWS
#define REVIEWS 1      /* at once, of the first job; the second job has one */
#endif
#ifndef PEOPLE
#define PEOPLE 1       /* enough people may approve, and their approvals may count for nothing later: the job changes */
#endif
#ifndef CONSOLE
#define CONSOLE 1      /* somebody confirms or cancels in the console */
#endif
#ifndef HIDES
#define HIDES 1        /* S3 does not show a job for long, and then shows it again */
#endif
#define WHOLE(i) (i == 0) /* the console and the hiding are the first job's; only the gate decides the second */
#define LIMIT 1        /* of the budget in a period; each job counts as one */

#ifndef WITHOUT
#define WITHOUT 0
#endif
#define RULE(r) (WITHOUT != r)
#define RESERVED_IN_CLAIM    1
#define LIMIT_IN_CLAIM       2
#define ONCE                 3
#define BACK_WITHDRAWN       4
#define BACK_SETTLED         5
#define BACK_IN_WRITE        6
#define BACK_ON_REV          7
#define KEPT_MAYBE_SENT      8
#define KEPT_BY_HOLD         9
#define KEPT_UNSURE         10
#define FIRST_PERIOD        11
#define CLAIMS_PERIOD       12
#define PEOPLE_UNLIMITED    13
#define PEOPLE_COUNT        14
#define LIMITED_AGAIN       15
#define OWN_USE             16

mtype = { none, held, claimed, settled };                 /* STATE's state */
mtype = { Suspended, Running, Cancelled };                /* S3's statuses; Running: or has run to its end. Cancelled: or failed */
mtype = { no_reason, ours, theirs };                      /* the reason on the job */
mtype = { nothing, asked, done_200, refused };            /* UpdateJobStatus under way, then S3's answer */
mtype = { hold, policy, people };                         /* who approves, if anybody */

/* STATE of each job, and the budget's item for each period */
typedef Item { mtype state; bit maybe_sent, lease_live, applied, unsure, unlimited; byte reserved };
Item ledger[2];                     /* reserved: 1 + the period, 0 for nothing; unlimited: it was reserved for people */
byte used[2];                        /* of the periods' items */

/* S3, and the clock */
mtype job[2] = Suspended, reason[2] = no_reason, update[3] = nothing;
bit late[2];                         /* an update whose sender stopped waiting */
byte unseen[2];                      /* 0 not yet, 1 S3 does not show the job, 2 it did not for a while */
bit period;                          /* the present one */

/* The reviews: 0 and 2 of the first job, 1 of the second */
bit busy[3], stale[3], own_lease[3];
byte owed[3];                        /* without BACK_IN_WRITE: the next write of p gives this back */

/* What only the promises look at */
bit we_readied[2];
byte of_period[2];                   /* 1 + the period of the first claim whose update may have been sent */

#define J         (p & 1)
#define S         ledger[J]
#define POSSIBLY(j) (ledger[j].state == claimed || ledger[j].maybe_sent)
#define COUNTS(j, t) (ledger[j].reserved == 1 + t)
#define PROMISE(holds, broken) if :: holds :: else -> printf(broken); assert(false) fi

inline wrote() {
  if :: p == 0 -> stale[2] = 1 :: p == 2 -> stale[0] = 1 :: else fi; stale[p] = 0
}

/* STATE's reservation goes, and in the same transaction what it counts for */
inline give_back() {
  if
  :: S.reserved && RULE(BACK_IN_WRITE) -> used[S.reserved - 1]--
  :: S.reserved && !RULE(BACK_IN_WRITE) -> owed[p] = S.reserved
  :: else
  fi;
  S.reserved = 0; S.unlimited = 0
}

proctype Review(byte p) {
  mtype v, end; bit sure, facts_period; byte in_period;

idle: /* 1. read STATE and `used`, describe, evaluate */
  atomic {
    (ledger[J].state != settled || job[J] == Suspended && unseen[J] == 2 && !ledger[J].applied && !ledger[J].maybe_sent) ->
    busy[p] = 1; stale[p] = 0;
    if
    :: S.state == claimed && S.lease_live -> printf("review of job %d: leaves it to the claim's owner\n", J); goto rest
    :: else
    fi;
    if
    :: unseen[J] == 1 && S.state != none && S.state != settled ->       /* gone, as far as can be known */
       end = nothing; sure = !POSSIBLY(J); printf("review of job %d: S3 does not know it\n", J); goto settle
    :: unseen[J] == 1 && (S.state == none || S.state == settled) -> goto rest
    :: else
    fi;
    if
    :: job[J] == Suspended -> skip
    :: job[J] != Suspended && (reason[J] == ours || reason[J] == no_reason && POSSIBLY(J) && job[J] == Running) ->
       end = asked; sure = 1; printf("review of job %d: it was applied\n", J); goto settle
    :: else ->                                                          /* nothing of ours, or nobody can say */
       end = nothing; sure = !POSSIBLY(J) || job[J] == Running;
       printf("review of job %d: it was decided elsewhere, or lapsed\n", J); goto settle
    fi;
    facts_period = period;
    in_period = (S.reserved && RULE(FIRST_PERIOD) -> S.reserved - 1 : facts_period);
    if
    :: v = hold
    :: PEOPLE -> v = people
    :: v = policy;
       if
       :: S.reserved && (!S.unlimited || !RULE(LIMITED_AGAIN)) && RULE(OWN_USE) -> skip          /* met: it is its own */
       :: else ->
          if
          :: used[in_period] - ((COUNTS(J, in_period) && RULE(OWN_USE)) -> 1 : 0) + 1 <= LIMIT -> skip
          :: else -> v = hold;
             PROMISE(!(S.reserved && !S.unlimited), "BROKEN 2 a job is held by its own reservation\n")
          fi
       fi
    fi;
    printf("review of job %d in period %d: %e\n", J, facts_period, v);
    if :: v == hold -> goto write_hold :: else fi;
  };

#if !RULE(RESERVED_IN_CLAIM)
  atomic { /* RESERVED_IN_CLAIM: reserved first, and claimed then */
    if
    :: S.reserved || (used[in_period] >= LIMIT && v == policy) -> skip
    :: else -> used[in_period]++; printf("review of job %d: reserves\n", J)
    fi;
    if :: skip :: printf("review of job %d: crashes\n", J); goto rest fi
  };
#endif

  atomic { /* 2. claim and reserve, one transaction */
    if
    :: stale[p] -> printf("review of job %d: somebody else wrote first\n", J); goto rest
    :: else
    fi;
    if
    :: RULE(LIMIT_IN_CLAIM) && (v == policy || !RULE(PEOPLE_UNLIMITED)) && RULE(RESERVED_IN_CLAIM) &&
         (!S.reserved && used[in_period] + 1 > LIMIT || S.reserved && S.unlimited && used[in_period] > LIMIT && RULE(LIMITED_AGAIN)) ->
       printf("review of job %d: the budget is used up\n", J);
       PROMISE(v == policy, "BROKEN 2 a job that enough people approved is held for a budget\n");
       goto write_hold
    :: else
    fi;
    d_step {
      if :: !POSSIBLY(J) -> of_period[J] = 1 + facts_period :: else fi;
      if
      :: !RULE(PEOPLE_COUNT) && v == people && !S.reserved -> skip
      :: S.reserved && !RULE(ONCE) -> used[in_period]++
      :: S.reserved && RULE(ONCE) && S.reserved == 1 + in_period -> if :: v == policy -> S.unlimited = 0 :: else fi
      :: S.reserved && S.reserved != 1 + in_period ->                   /* without FIRST_PERIOD: moved */
         used[S.reserved - 1]--; used[in_period]++; S.reserved = 1 + in_period
      :: !S.reserved && (RULE(PEOPLE_COUNT) || v == policy) ->
         if :: RULE(RESERVED_IN_CLAIM) -> used[in_period]++ :: else fi;
         S.reserved = 1 + in_period; S.unlimited = (v == people)
      fi;
      S.maybe_sent = POSSIBLY(J); S.state = claimed; S.lease_live = 1; own_lease[p] = 1; wrote();
      printf("review of job %d: claims, used %d\n", J, used[in_period])
    }
  };

  atomic { /* 3. send */
    if
    :: own_lease[p] -> printf("review of job %d: sends Ready\n", J); update[p] = asked
    :: goto withdraw
    :: printf("review of job %d: crashes\n", J); goto rest
    fi
  };
  if
  :: atomic { update[p] == done_200 -> update[p] = nothing; end = asked; sure = 1; goto settle }
  :: atomic { update[p] == refused -> update[p] = nothing; printf("review of job %d: S3 refuses\n", J);
       if
       :: unseen[J] == 1 -> goto rest
       :: unseen[J] != 1 && job[J] == Suspended -> goto withdraw
       :: else ->
          if
          :: reason[J] == ours || reason[J] == no_reason && S.maybe_sent && job[J] == Running -> end = asked; sure = 1
          :: else -> end = nothing; sure = !S.maybe_sent || job[J] == Running
          fi;
          goto settle
       fi }
  :: atomic { update[p] != nothing -> printf("review of job %d: no answer\n", J);
       if :: update[p] == asked -> late[J] = 1 :: else fi; update[p] = nothing; goto rest }
  fi;

withdraw: /* surely not sent, or surely refused */
  atomic {
    if
    :: stale[p] && RULE(BACK_ON_REV) -> goto rest
    :: stale[p] && !RULE(BACK_ON_REV) -> /* its budget goes back though its STATE stays as another wrote it */
       if :: S.reserved && !S.maybe_sent -> used[S.reserved - 1]--; printf("review of job %d: gives back\n", J) :: else fi; goto rest
    :: !stale[p] -> d_step {
         S.state = held; S.lease_live = 0;
         if
         :: (!S.maybe_sent || !RULE(KEPT_MAYBE_SENT)) && RULE(BACK_WITHDRAWN) -> give_back()
         :: else
         fi;
         wrote(); printf("review of job %d: withdraws\n", J)
       };
       goto pay
    :: printf("review of job %d: crashes\n", J); goto rest
    fi
  };

write_hold:
  atomic {
    if
    :: stale[p] -> printf("review of job %d: somebody else wrote first\n", J); goto rest
    :: !stale[p] -> d_step {
         S.maybe_sent = POSSIBLY(J); S.state = held; S.lease_live = 0;
         if :: S.maybe_sent && !RULE(KEPT_BY_HOLD) -> give_back() :: else fi;
         wrote(); printf("review of job %d: holds\n", J)
       };
       goto pay
    fi
  };

settle: skip;
  atomic { /* 4. the end; `sure`: that nothing of ours was applied is known */
    if
    :: stale[p] -> printf("review of job %d: somebody else wrote first\n", J); goto rest
    :: printf("review of job %d: crashes\n", J); goto rest
    :: !stale[p] -> d_step {
         S.applied = (end == asked); S.unsure = (!sure && POSSIBLY(J));
         if
         :: end == nothing && (sure || !RULE(KEPT_UNSURE)) && RULE(BACK_SETTLED) -> give_back()
         :: end == asked && !RULE(CLAIMS_PERIOD) && S.reserved ->
            used[S.reserved - 1]--; S.reserved = 1 + period; used[period]++
         :: else
         fi;
         S.maybe_sent = S.unsure; S.state = settled; S.lease_live = 0; wrote();
         printf("review of job %d: settles, %e\n", J, end)
       }
    fi
  };

pay: /* without BACK_IN_WRITE */
  atomic {
    if
    :: owed[p] -> used[owed[p] - 1]--; owed[p] = 0
    :: owed[p] -> printf("review of job %d: crashes\n", J)
    :: !owed[p]
    fi
  };

rest:
  atomic {
    d_step { busy[p] = 0; stale[p] = 0; own_lease[p] = 0; owed[p] = 0; v = 0; end = 0; sure = 0; facts_period = 0; in_period = 0 };
    goto idle
  }
}

inline takes_effect(j, answer) {
  if
  :: job[j] == Suspended -> job[j] = Running; reason[j] = ours; we_readied[j] = 1; answer = done_200; printf("S3: takes the Ready of job %d\n", j)
  :: else -> answer = refused
  fi
}

active proctype World() {
  byte i; mtype answer;
end: do
  :: atomic { update[0] == asked -> i = 0; goto arrives }
  :: atomic { update[1] == asked -> i = 1; goto arrives }
  :: atomic { update[2] == asked -> i = 2; goto arrives }
  :: atomic { late[0] -> late[0] = 0; takes_effect(0, answer); answer = 0 }
  :: atomic { late[1] -> late[1] = 0; takes_effect(1, answer); answer = 0 }
  :: d_step { late[0] -> late[0] = 0 }
  :: d_step { late[1] -> late[1] = 0 }
  :: d_step { period == 0 -> period = 1; printf("clock: the next period\n") }
  :: atomic { i = 0; goto world_of }
  :: atomic { i = 1; goto world_of }
  od;
arrives:
  atomic {
    if
    :: takes_effect(i & 1, answer); update[i] = answer
    :: update[i] = refused
    fi;
    i = 0; answer = 0; goto end
  };
world_of: /* a job's own */
  atomic {
    if
#if CONSOLE
    :: job[i] == Suspended && WHOLE(i) -> job[i] = Running; if :: reason[i] = theirs :: reason[i] = no_reason fi; printf("console: confirms job %d\n", i)
    :: (job[i] == Suspended || job[i] == Running) && WHOLE(i) -> job[i] = Cancelled; reason[i] = theirs; printf("console: cancels job %d\n", i)
#endif
#if HIDES
    :: unseen[i] == 0 && WHOLE(i) -> unseen[i] = 1; printf("S3: does not show job %d\n", i)
    :: unseen[i] == 1 -> unseen[i] = 2; printf("S3: shows job %d again\n", i)
#endif
    :: ledger[i].state == claimed && ledger[i].lease_live -> ledger[i].lease_live = 0;
       if :: i == 0 -> own_lease[0] = 0; own_lease[2] = 0 :: else -> own_lease[1] = 0 fi; printf("clock: the lease of job %d ends\n", i)
    :: else -> skip
    fi;
    i = 0; goto end
  }
}

#define APPLIED_IN(j, t) (we_readied[j] && of_period[j] == 1 + t)
#define TAKEN_IN(j, t) ((POSSIBLY(j) || ledger[j].applied || ledger[j].unsure) && COUNTS(j, t))
#define LIMITED_IN(j, t) (COUNTS(j, t) && !ledger[j].unlimited)
#define NOBODY (!busy[0] && !busy[1] && !busy[2])

active proctype Monitor() {
end: do
  :: atomic { APPLIED_IN(0, 0) + APPLIED_IN(1, 0) > used[0] || APPLIED_IN(0, 1) + APPLIED_IN(1, 1) > used[1] ->
       printf("BROKEN 1 an applied approval is not covered by a reservation\n"); assert(false) }
  :: atomic { LIMITED_IN(0, 0) + LIMITED_IN(1, 0) > LIMIT || LIMITED_IN(0, 1) + LIMITED_IN(1, 1) > LIMIT ->
       printf("BROKEN 1 reservations by policy exceed the limit\n"); assert(false) }
  :: atomic { NOBODY && (TAKEN_IN(0, 0) + TAKEN_IN(1, 0) != used[0] || TAKEN_IN(0, 1) + TAKEN_IN(1, 1) != used[1]) ->
       printf("BROKEN 2 at rest more is reserved than was applied or may be\n"); assert(false) }
  od
}

init { atomic {
  ledger[0].state = none; ledger[1].state = none;
  run Review(0); run Review(1);
#if REVIEWS > 1
  run Review(2);
#endif
} }
