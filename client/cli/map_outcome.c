/* SPDX-License-Identifier: MIT
 *
 * What goes to the workers for an item, and what is printed of what comes back. A function's result
 * is one line of JSON, a command's output stays as it is, byte for byte. */
#include "client/cli/convert.h"
#include "client/cli/map.h"

#include "common/clock.h"

#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct outcome {
    wherry_err err;
    const char *text; /* why it failed */
    const wherry_value *value;
    int64_t exit; /* commands: exit code, or −signal */
    const void *out;
    size_t out_size;
    const char *tail;
    size_t tail_size;
};

/* ---- there ---------------------------------------------------------------------------------- */

static void complain(struct map *map, const char *item, const char *cause) {
    progress_wipe(&map->progress);
    fputs("wherry map: ", stderr);
    cli_put(stderr, item);
    fputs(": ", stderr);
    cli_put(stderr, cause);
    fputc('\n', stderr);
}

/* The word with the item in place of each {}. */
static void word_pack(msgpack_packer *packer, const char *word, const char *item) {
    size_t places = 0;
    size_t size = strlen(item);
    for (const char *at = word; (at = strstr(at, "{}")) != NULL; at += 2) {
        places++;
    }
    msgpack_pack_bin(packer, strlen(word) - places * 2 + places * size);
    for (const char *at; (at = strstr(word, "{}")) != NULL; word = at + 2) {
        msgpack_pack_bin_body(packer, word, (size_t)(at - word));
        msgpack_pack_bin_body(packer, item, size);
    }
    msgpack_pack_bin_body(packer, word, strlen(word));
}

static wherry_err command_arguments(const struct map *map, const char *item, wherry_value **out) {
    msgpack_sbuffer buffer;
    msgpack_packer packer;
    bool placed = false;
    for (size_t i = 0; i < map->command_count; i++) {
        placed = placed || strstr(map->command[i], "{}") != NULL;
    }
    msgpack_sbuffer_init(&buffer);
    msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
    msgpack_pack_array(&packer, 1);
    msgpack_pack_array(&packer, map->command_count + (placed ? 0 : 1));
    for (size_t i = 0; i < map->command_count; i++) {
        word_pack(&packer, map->command[i], item);
    }
    if (!placed) {
        word_pack(&packer, "{}", item);
    }
    wherry_err err = wherry_value_from_msgpack(out, buffer.data, buffer.size);
    msgpack_sbuffer_destroy(&buffer);
    return err;
}

wherry_value *map_arguments(const struct map *map, const char *item) {
    wherry_value *value = NULL;
    const char *cause = "nested too deep";
    wherry_err err = WHERRY_E_TYPE;
    if (map->command != NULL) {
        err = command_arguments(map, item, &value);
        cause = "no memory";
    } else {
        json_t *argument = json_from_argument(item, false);
        json_t *list = argument == NULL ? NULL : json_pack("[o]", argument);
        if (list == NULL) {
            cause = "not UTF-8; encode it first";
        } else {
            err = json_to_value(list, &value);
        }
        json_decref(list);
    }
    if (err != WHERRY_OK) {
        complain((struct map *)(uintptr_t)map, item, cause);
        return NULL;
    }
    return value;
}

/* ---- and back ------------------------------------------------------------------------------- */

static void outcome_read(const struct map *map, const struct map_job *job, struct outcome *out) {
    const wherry_value *value = NULL;
    /* The callback comes a moment before get may answer. */
    wherry_err err = wherry_async_get(job->async, WHERRY_FOREVER, &value);
    *out = (struct outcome){.err = err, .value = value};
    if (out->err != WHERRY_OK) {
        const char *text = wherry_async_error(job->async);
        out->text = *text != '\0' ? text : wherry_err_text(out->err);
        return;
    }
    if (map->command != NULL &&
        wherry_value_read(value, "[iyS]", &out->exit, &out->out, &out->out_size, &out->tail,
                          &out->tail_size) != WHERRY_OK &&
        wherry_value_read(value, "[iyy]", &out->exit, &out->out, &out->out_size,
                          (const void **)&out->tail, &out->tail_size) != WHERRY_OK) {
        out->err = WHERRY_E_TYPE;
        out->text = "the worker's wherry.exec answers in an unknown form";
    }
}

static const char *state_of(const struct outcome *outcome) {
    if (outcome->err == WHERRY_OK) {
        return outcome->exit == 0 ? "done" : "failed";
    }
    return cli_exit_of(outcome->err) == CLI_CANCELLED ? "cancelled" : "failed";
}

static void json_outcome(const struct map *map, const struct map_job *job,
                         const struct outcome *outcome) {
    json_t *row = json_pack("{s:I, s:o?, s:s, s:s}", "number", (json_int_t)job->number, "item",
                            json_from_text(job->item, strlen(job->item)), "id",
                            wherry_async_id(job->async), "state", state_of(outcome));
    if (outcome->err != WHERRY_OK) {
        json_object_set_new(row, "error", json_from_text(outcome->text, strlen(outcome->text)));
    } else if (map->command == NULL) {
        json_object_set_new(row, "result", json_from_value(outcome->value));
    } else {
        json_object_set_new(row, "exit", json_integer(outcome->exit));
        json_object_set_new(row, "stdout", json_from_text(outcome->out, outcome->out_size));
        json_object_set_new(row, "stderr", json_from_text(outcome->tail, outcome->tail_size));
    }
    json_dumpf(row, stdout, 0);
    putchar('\n');
    json_decref(row);
}

static void plain_outcome(const struct map *map, const struct outcome *outcome) {
    if (outcome->err != WHERRY_OK) {
        return;
    }
    if (map->command == NULL) {
        json_t *result = json_from_value(outcome->value);
        json_dumpf(result, stdout, JSON_ENCODE_ANY);
        putchar('\n');
        json_decref(result);
        return;
    }
    fwrite(outcome->out, 1, outcome->out_size, stdout);
    if (outcome->tail_size > 0) {
        fflush(stdout);
        fwrite(outcome->tail, 1, outcome->tail_size, stderr);
        if (outcome->tail[outcome->tail_size - 1] != '\n') {
            fputc('\n', stderr);
        }
    }
}

static void outcome_complain(struct map *map, const struct map_job *job,
                             const struct outcome *outcome) {
    char words[48];
    if (outcome->err != WHERRY_OK) {
        complain(map, job->item, outcome->text);
        return;
    }
    snprintf(words, sizeof words, outcome->exit > 0 ? "exit %lld" : "signal %lld",
             (long long)(outcome->exit > 0 ? outcome->exit : -outcome->exit));
    complain(map, job->item, words);
}

/* What a failure means for the items that follow. */
static void failure_count(struct map *map, const struct outcome *outcome) {
    map->state.failed++;
    map->code = map->code == CLI_DONE ? CLI_FAILED : map->code;
    if (outcome != NULL && (outcome->err == WHERRY_E_NO_BROKER || outcome->err == WHERRY_E_CLOSED ||
                            outcome->err == WHERRY_E_SESSION_LOST)) {
        map->code = cli_exit_of(outcome->err);
        map_cancel(map, map->code);
    } else if (map->halt == HALT_NOW) {
        map_cancel(map, CLI_FAILED);
    } else if (map->halt == HALT_SOON) {
        map->input_ended = true;
    }
}

static void outcome_log(struct map *map, const struct map_job *job, const struct outcome *outcome) {
    struct joblog_line line = {
        .number = job->number,
        .id = wherry_async_id(job->async),
        .start_ms = job->start_ms,
        .took_ms = (clock_mono_us() - job->start_us) / 1000,
        .state = state_of(outcome),
        .exit = outcome->err == WHERRY_OK ? outcome->exit : cli_exit_of(outcome->err),
        .item = job->item,
    };
    if (map->log.fd < 0 || map->code == CLI_NO_BROKER) {
        return;
    }
    if (cli_flush() != CLI_DONE || !joblog_write(&map->log, &line)) {
        map_cancel(map, CLI_FAILED);
    }
}

void map_outcome(struct map *map, struct map_job *job) {
    struct outcome outcome;
    outcome_read(map, job, &outcome);
    const char *state = state_of(&outcome);
    bool expected = map->cancelled && strcmp(state, "cancelled") == 0;
    if (!expected) {
        progress_wipe(&map->progress);
        if (cli_json(map->flags)) {
            json_outcome(map, job, &outcome);
        } else {
            plain_outcome(map, &outcome);
        }
        map->state.finished++;
    }
    outcome_log(map, job, &outcome);
    if (strcmp(state, "done") != 0 && !expected) {
        outcome_complain(map, job, &outcome);
        failure_count(map, &outcome);
    }
}

void map_sent(struct map *map, const struct map_job *job) {
    struct joblog_line line = {
        .number = job->number,
        .id = wherry_async_id(job->async),
        .start_ms = job->start_ms,
        .state = JOBLOG_STATE_SENT,
        .item = job->item,
    };
    if (!joblog_write(&map->log, &line)) {
        map_cancel(map, CLI_FAILED);
    }
}

void map_unsent(struct map *map, uint64_t number, const char *item) {
    struct joblog_line line = {
        .number = number,
        .id = "",
        .start_ms = clock_wall_ms(),
        .state = "failed",
        .exit = CLI_USAGE,
        .item = item,
    };
    map->state.finished++;
    if (!joblog_write(&map->log, &line)) {
        map_cancel(map, CLI_FAILED);
    }
    failure_count(map, NULL);
}
