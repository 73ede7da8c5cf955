/* SPDX-License-Identifier: MIT
 *
 * What puppets hear: each message is taken apart into plain fields for the scenario to look at. */
#include "common/check.h"
#include "tests/sim/puppet.h"

static void puppet_hear_accepted(struct puppet *puppet, const struct wire_message *message) {
    struct wire_numbers accepted;
    struct wire_run run;
    CHECK(wire_get_numbers(message, WIRE_ACCEPTED, &accepted) == WHERRY_OK);
    while (wire_next_run(&accepted.runs, &run)) {
        for (uint64_t i = 0; i < run.count && run.first + i < PUPPET_ITEMS; i++) {
            puppet->answer[run.first + i] = PUPPET_ACCEPTED;
        }
    }
}

static void puppet_hear_answered(struct puppet *puppet, const struct wire_message *message) {
    struct wire_answered answered;
    CHECK(wire_get_answered(message, &answered) == WHERRY_OK);
    if (answered.number < PUPPET_ITEMS) {
        puppet->answer[answered.number] = PUPPET_REFUSED + answered.err;
    }
}

static void puppet_hear_result(struct puppet *puppet, const struct wire_message *message) {
    struct wire_result result;
    struct wire_result_item item;
    CHECK(wire_get_result(message, &result) == WHERRY_OK);
    while (wire_next_result(&result.items, &item)) {
        world_say(&puppet->sim->world, "result of %u: status %u", (unsigned)item.number,
                  item.status);
        if (item.number < PUPPET_ITEMS) {
            puppet->results[item.number]++;
            puppet->result_status[item.number] = item.status;
            if (puppet->answer[item.number] == PUPPET_NOTHING) {
                puppet->answer[item.number] = PUPPET_ACCEPTED; /* the result implies it */
            }
        }
    }
}

static void puppet_hear_answer(struct puppet *puppet, const struct wire_message *message) {
    struct wire_answer answer;
    CHECK(wire_get_answer(message, &answer) == WHERRY_OK);
    if (answer.call < PUPPET_ITEMS) {
        puppet->call_answered[answer.call] = true;
        puppet->call_err[answer.call] = (wherry_err)answer.err;
        /* [status, payload]: a small positive integer behind the array's head */
        puppet->call_status[answer.call] = answer.body.size > 1 ? answer.body.data[1] : UINT32_MAX;
    }
}

static void puppet_hear_deliver(struct puppet *puppet, const struct wire_message *message) {
    struct wire_deliver deliver;
    struct wire_deliver_item item = {.index = 0};
    CHECK(wire_get_deliver(message, &deliver) == WHERRY_OK);
    for (uint32_t i = 0; wire_next_deliver(&deliver.items, &item); i++) {
        CHECK(puppet->delivery_count < PUPPET_ITEMS);
        puppet->deliveries[puppet->delivery_count++] = (struct puppet_delivery){
            .id = item.id,
            .token = {deliver.epoch, deliver.first_counter + i},
            .index = item.index,
            .generation = deliver.generation,
            .slot = deliver.first_slot + i,
        };
    }
}

static void puppet_hear_tokens(struct puppet *puppet, const struct wire_message *message) {
    struct wire_tokens tokens;
    struct wire_token_run run;
    CHECK(wire_get_tokens(message, &tokens) == WHERRY_OK);
    while (wire_next_token_run(&tokens.runs, &run) && puppet->token_count < PUPPET_ITEMS) {
        puppet->tokens[puppet->token_count++] =
            (struct token_pair){.first = {run.epoch, run.first}, .count = run.count};
    }
}

void puppet_message(struct puppet *puppet, const struct wire_message *message) {
    enum wire_type type;
    CHECK(wire_type_of(message, &type) == WHERRY_OK);
    puppet->seen[type]++;
    puppet->epoch = wire_epoch_of(message);
    switch (type) {
    case WIRE_ACCEPTED:
        puppet_hear_accepted(puppet, message);
        break;
    case WIRE_ANSWERED:
        puppet_hear_answered(puppet, message);
        break;
    case WIRE_RESULT:
        puppet_hear_result(puppet, message);
        break;
    case WIRE_ANSWER:
        puppet_hear_answer(puppet, message);
        break;
    case WIRE_DELIVER:
        puppet_hear_deliver(puppet, message);
        break;
    case WIRE_RESULT_ACK:
    case WIRE_LEASE_LOST:
        puppet_hear_tokens(puppet, message);
        break;
    default: /* counted in `seen` */
        break;
    }
}
