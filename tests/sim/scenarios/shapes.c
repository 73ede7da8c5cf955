/* SPDX-License-Identifier: MIT
 *
 * What scenarios share: bounds, and a cast of puppets. */
#include "tests/sim/scenarios/scenarios.h"

void shape_one_a_queue(struct sim_config *config) {
    config->engine.queue_items_max = 1;
}

void shape_window_of_16(struct sim_config *config) {
    shape_one_a_queue(config);
    config->client_window = 16;
    config->engine.window = 16;
}

void shape_three_a_queue(struct sim_config *config) {
    config->engine.queue_items_max = 3;
}

void shape_few_result_bytes(struct sim_config *config) {
    config->engine.results_bytes_max = 1000;
}

void shape_small_batches(struct sim_config *config) {
    config->engine.batch_bytes_max = 1000;
}

void shape_few_queue_bytes(struct sim_config *config) {
    config->engine.queue_bytes_max = 1000;
}

void shape_impatient_client(struct sim_config *config) {
    config->reconnect_limit_us = 5000000;
}

struct cast cast_worker(struct sim *s, const char *host, const char *child) {
    struct cast cast = {.host = puppet_add(s, host), .child = puppet_add(s, child)};
    puppet_host_hello(cast.host, false, NULL, 0);
    puppet_child_hello(cast.child, cast.host, 0, NULL, 0);
    return cast;
}

struct cast cast_of(struct sim *s) {
    struct puppet *client = puppet_add(s, "client");
    puppet_client_hello(client, false);
    struct cast cast = cast_worker(s, "host", "child");
    cast.client = client;
    return cast;
}

/* Runs number 1 alone, in 100 us, so that the lane's time is known; then asks for all the others.
 */
void cast_deliver(struct sim *s, struct cast *cast, uint64_t first, uint64_t count) {
    struct puppet *child = cast->child;
    puppet_submit(cast->client, 1, 1, &(struct puppet_lane){0});
    puppet_credit(child, 1);
    UNTIL(s, child->delivery_count == 1);
    child->started = 1;
    puppet_result(child, &child->deliveries[0], WIRE_DONE);
    UNTIL(s, cast->client->results[1] == 1);
    child->delivery_count = 0;
    puppet_submit(cast->client, first, count, &(struct puppet_lane){0});
    puppet_credit(child, child->started + (uint32_t)count);
    UNTIL(s, child->delivery_count == count);
}

void cast_hello_with(struct cast *worker, const struct puppet_delivery *delivery) {
    struct bytes payload = BYTES_EMPTY;
    struct wire_held held = puppet_held(&payload, delivery);
    puppet_child_hello(worker->child, worker->host, 0, &held, 1);
    bytes_free(&payload);
}

const struct puppet_delivery *cast_newest(const struct cast *cast) {
    return &cast->child->deliveries[cast->child->delivery_count - 1];
}
