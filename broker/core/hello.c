/* SPDX-License-Identifier: MIT
 *
 * Hello: versions first, then the kind of peer; see hello.h. Version 1 is the only one so far: the
 * peer's [min, max] must hold it. Feature bits unknown to us are not granted. */
#include "broker/core/hello.h"

#include "broker/core/state.h"

#include <stdio.h>

enum { HELLO_TEXT = 160 };

void hello_ok(struct engine *engine, struct effects *sink, route_id route, uint64_t session) {
    struct effect *effect = effects_add(sink, EFFECT_HELLO_OK, route);
    effect->hello_ok = (struct wire_hello_ok){
        .epoch = engine->config.epoch,
        .version = WIRE_VERSION_MAX,
        .store = {engine->config.store_uuid, sizeof(engine->config.store_uuid)},
        .session = session,
        .keeps = engine->config.keeps,
        .beat_ms = TIME_BEAT_MS,
        .payload_max = engine->config.payload_max,
    };
}

void hello_refuse(struct engine *engine, route_id route, wherry_err err, const char *text) {
    struct effect *effect = effects_add(engine->out, EFFECT_REFUSED, route);
    effect->refused.err = err;
    effect->refused.text = span_of_text(text);
    engine->counts.refused_other++;
}

static void hello_refuse_version(struct engine *engine, route_id route,
                                 const struct event_hello *hello) {
    char *text = effects_alloc(engine->out, HELLO_TEXT);
    int size = snprintf(text, HELLO_TEXT,
                        "this broker speaks protocol version %d, the peer speaks %u to %u: "
                        "install matching versions",
                        WIRE_VERSION_MAX, hello->version_min, hello->version_max);
    struct effect *effect = effects_add(engine->out, EFFECT_REFUSED, route);
    effect->refused.err = WHERRY_E_PROTOCOL;
    effect->refused.text = (struct span){(const uint8_t *)text, (size_t)size};
    engine->counts.refused_other++;
}

void hello_receive(struct engine *engine, route_id route, const struct event_hello *hello) {
    if (hello->version_min > WIRE_VERSION_MAX || hello->version_max < WIRE_VERSION_MIN) {
        hello_refuse_version(engine, route, hello);
    } else if (hello->session == 0 || hello->secret.size != WIRE_SECRET_SIZE) {
        hello_refuse(engine, route, WHERRY_E_PROTOCOL, "a hello needs a session and its secret");
    } else if (hello->peer == WIRE_CLIENT) {
        sessions_hello(engine, route, hello);
    } else if (hello->peer == WIRE_HOST) {
        hosts_hello(engine, route, hello);
    } else if (hello->peer == WIRE_CHILD) {
        children_hello(engine, route, hello);
    } else {
        hello_refuse(engine, route, WHERRY_E_PROTOCOL, "unknown kind of peer");
    }
}
