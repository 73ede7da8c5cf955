/* SPDX-License-Identifier: MIT
 *
 * See config.h. libconfuse stops at a name that it does not know. So that every wrong line is told,
 * such a name is written down, made known, and the text is read again. */
#include "broker/config.h"

#include "broker/config_text.h"
#include "common/check.h"
#include "common/err.h"
#include "common/flags_parts.h"

#include <confuse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CONFIG_WORD_SIZE = 64,
    CONFIG_SETTINGS_MAX = 64,
    CONFIG_STRANGERS_MAX = 32, /* names that are no settings; more of them end the reading */
    CONFIG_PROBLEMS_MAX = 100, /* more are not told */
};

struct problem {
    int line;
    bool stranger;
    char text[320];
};

struct setting { /* as this reading met it */
    int line;    /* 0: not yet */
    unsigned count;
    char last[256];
};

struct config {
    struct flags *flags;
    size_t skipped;
    const char *path;
    cfg_opt_t options[CONFIG_SETTINGS_MAX + CONFIG_STRANGERS_MAX + 1];
    struct setting settings[CONFIG_SETTINGS_MAX];
    char strangers[CONFIG_STRANGERS_MAX][CONFIG_WORD_SIZE];
    size_t stranger_count;
    struct problem problems[CONFIG_PROBLEMS_MAX];
    size_t problem_count;
    bool again; /* a stranger was met: read once more */
};

static struct config *reading; /* libconfuse's callbacks carry no context of ours */

/* ---- what is wrong -------------------------------------------------------------------------- */

/* name, value: "" where there is none. */
static struct problem *problem_add(struct config *config, int line, const char *name,
                                   const char *value, const char *cause) {
    static struct problem spare;
    bool room = config->problem_count < CONFIG_PROBLEMS_MAX;
    struct problem *problem = room ? &config->problems[config->problem_count++] : &spare;
    problem->line = line;
    problem->stranger = false;
    snprintf(problem->text, sizeof problem->text, "%s%s%.128s%s%.128s", name,
             value[0] != '\0' ? " " : "", value, name[0] != '\0' ? ": " : "", cause);
    return problem;
}

static int problem_order(const void *left, const void *right) {
    const struct problem *one = left;
    const struct problem *other = right;
    return (one->line > other->line) - (one->line < other->line);
}

static void problems_print(struct config *config) {
    qsort(config->problems, config->problem_count, sizeof config->problems[0], problem_order);
    for (size_t i = 0; i < config->problem_count; i++) {
        fprintf(stderr, "%s: %s:%d: %s\n", config->flags->program->name, config->path,
                config->problems[i].line, config->problems[i].text);
    }
}

static void stranger_add(struct config *config, int line, const char *name) {
    const char *names[CONFIG_SETTINGS_MAX];
    size_t count = 0;
    char cause[128] = "no such setting (--help lists them)";
    const struct flags_program *program = config->flags->program;
    for (size_t i = config->skipped; i < program->flag_count; i++) {
        names[count++] = program->flags[i].name;
    }
    const char *near = flags_nearest(name, names, count);
    if (near != NULL) {
        snprintf(cause, sizeof cause, "no such setting; did you mean %s?", near);
    }
    problem_add(config, line, name, "", cause)->stranger = true;
    if (config->stranger_count < CONFIG_STRANGERS_MAX && strlen(name) < CONFIG_WORD_SIZE) {
        snprintf(config->strangers[config->stranger_count++], CONFIG_WORD_SIZE, "%s", name);
        config->again = true;
    }
}

static void on_error(cfg_t *cfg, const char *format, va_list arguments) {
    char text[192];
    if (strcmp(format, "no such option '%s'") == 0) {
        va_list copy;
        va_copy(copy, arguments);
        stranger_add(reading, cfg->line, va_arg(copy, const char *));
        va_end(copy);
        return;
    }
    vsnprintf(text, sizeof text, format, arguments);
    problem_add(reading, cfg->line, "", "", text);
}

/* ---- values --------------------------------------------------------------------------------- */

static const char *switch_word(const char *text) {
    static const char *const words[][2] = {{"true", "1"},  {"yes", "1"}, {"on", "1"},
                                           {"false", "0"}, {"no", "0"},  {"off", "0"}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcasecmp(text, words[i][0]) == 0) {
            return words[i][1];
        }
    }
    return NULL;
}

static size_t setting_find(const struct config *config, const char *name) {
    const struct flags_program *program = config->flags->program;
    size_t at = config->skipped;
    while (at < program->flag_count && strcmp(program->flags[at].name, name) != 0) {
        at++;
    }
    return at < program->flag_count ? at : SIZE_MAX;
}

/* As flags read it; NULL: a switch that is neither. */
static const char *value_text(const struct flag *flag, const char *text) {
    return flag->kind == FLAG_SWITCH ? switch_word(text) : text;
}

static const char *value_judge(const struct flag *flag, const char *text) {
    int64_t number = 0;
    const char *read = value_text(flag, text);
    return read == NULL ? "neither true nor false" : flag_judge(flag, read, &number);
}

/* A list starts afresh when its name stands a second time, and what it had would be lost. At its
 * closing brace libconfuse tells its last value once more; that is no second time. */
static bool setting_is_repeated(const struct setting *setting, unsigned count, const char *text) {
    bool brace = count == setting->count && strcmp(text, setting->last) == 0;
    return setting->line != 0 && count <= setting->count && !brace;
}

static int on_value(cfg_t *cfg, cfg_opt_t *option) {
    size_t at = setting_find(reading, option->name);
    unsigned count = cfg_opt_size(option);
    const char *text = count > 0 ? cfg_opt_getnstr(option, count - 1) : NULL;
    if (at == SIZE_MAX || text == NULL) {
        return 0;
    }
    struct setting *setting = &reading->settings[at];
    const char *cause = NULL;
    char twice[64];
    if (setting_is_repeated(setting, count, text)) {
        bool list = reading->flags->program->flags[at].repeatable;
        snprintf(twice, sizeof twice, "stands in line %d already%s", setting->line,
                 list ? "; a list is written {a, b}" : "");
        cause = twice;
    } else if (count > setting->count) {
        cause = value_judge(&reading->flags->program->flags[at], text);
    }
    if (cause != NULL) {
        problem_add(reading, cfg->line, option->name, text, cause);
    }
    setting->line = cfg->line;
    setting->count = count;
    snprintf(setting->last, sizeof setting->last, "%s", text);
    return 0;
}

/* ---- reading -------------------------------------------------------------------------------- */

static void options_build(struct config *config) {
    const struct flags_program *program = config->flags->program;
    size_t count = 0;
    for (size_t i = config->skipped; i < program->flag_count; i++) {
        const struct flag *flag = &program->flags[i];
        cfg_flag_t kind = flag->repeatable ? CFGF_LIST | CFGF_NODEFAULT : CFGF_NODEFAULT;
        config->options[count++] = (cfg_opt_t)CFG_STR(flag->name, NULL, kind);
    }
    for (size_t i = 0; i < config->stranger_count; i++) {
        config->options[count++] =
            (cfg_opt_t)CFG_STR(config->strangers[i], NULL, CFGF_LIST | CFGF_NODEFAULT);
    }
    config->options[count] = (cfg_opt_t)CFG_END();
}

static void values_put(struct config *config, cfg_t *cfg) {
    const struct flags_program *program = config->flags->program;
    for (size_t at = config->skipped; at < program->flag_count; at++) {
        const struct flag *flag = &program->flags[at];
        for (unsigned i = 0; i < cfg_size(cfg, flag->name); i++) {
            const char *text = value_text(flag, cfg_getnstr(cfg, flag->name, i));
            CHECK(text != NULL && flags_put(config->flags, at, text) == NULL);
        }
    }
}

/* Problems of the reading before are found again, but those with strangers. */
static void problems_keep_strangers(struct config *config) {
    size_t kept = 0;
    for (size_t i = 0; i < config->problem_count; i++) {
        if (config->problems[i].stranger) {
            config->problems[kept++] = config->problems[i];
        }
    }
    config->problem_count = kept;
}

/* True: read once more. */
static bool config_pass(struct config *config, const char *text) {
    config->again = false;
    memset(config->settings, 0, sizeof config->settings);
    problems_keep_strangers(config);
    options_build(config);
    cfg_t *cfg = cfg_init(config->options, CFGF_NONE);
    CHECK(cfg != NULL);
    cfg_set_error_function(cfg, on_error);
    for (size_t i = config->skipped; i < config->flags->program->flag_count; i++) {
        cfg_set_validate_func(cfg, config->flags->program->flags[i].name, on_value);
    }
    int outcome = cfg_parse_buf(cfg, text);
    if (outcome == CFG_SUCCESS && config->problem_count == 0) {
        values_put(config, cfg);
    } else if (config->problem_count == 0) {
        problem_add(config, cfg->line, "", "", "cannot be read");
    }
    cfg_free(cfg);
    return config->again;
}

enum flags_outcome config_read(struct flags *flags, size_t skipped, const char *path) {
    char *text = config_text(path);
    if (text == NULL) {
        fprintf(stderr, "%s: %s\n", flags->program->name, wherry_last_error());
        return FLAGS_WRONG;
    }
    struct config *config = calloc(1, sizeof *config);
    CHECK(config != NULL && flags->program->flag_count <= CONFIG_SETTINGS_MAX);
    *config = (struct config){.flags = flags, .skipped = skipped, .path = path};
    reading = config;
    while (config_pass(config, text)) {
    }
    reading = NULL;
    problems_print(config);
    enum flags_outcome outcome = config->problem_count == 0 ? FLAGS_GO : FLAGS_WRONG;
    free(config);
    free(text);
    return outcome;
}

/* ---- the example ---------------------------------------------------------------------------- */

static void example_text(const char *text) {
    printf("# ");
    for (; *text != '\0' && (text[0] != '\n' || text[1] != '\0'); text++) {
        putchar(*text);
        if (*text == '\n') {
            printf("# ");
        }
    }
    putchar('\n');
}

void config_print_example(const struct flags_program *program, size_t skipped) {
    printf("# Settings of %s: each is also a flag, which goes before this file.\n"
           "# What stands here are defaults or examples. To try a file: %s --check-config FILE\n",
           program->name, program->name);
    for (size_t i = skipped; i < program->flag_count; i++) {
        const struct flag *flag = &program->flags[i];
        const char *value = flag->kind == FLAG_SWITCH ? "false"
                            : flag->fallback != NULL  ? flag->fallback
                                                      : flag->example;
        printf("\n");
        example_text(flag->help);
        printf(flag->repeatable ? "#%s = {\"%s\"}\n" : "#%s = \"%s\"\n", flag->name, value);
    }
}
