/* A producer and a consumer on librdkafka that spend next to nothing themselves.
 *
 *   rdkafka produce|consume BROKERS TOPIC MESSAGES BYTES [KEY=VALUE...]
 *
 * Prints records/s=N: to produce, from the first message until the last one has been delivered; to consume, from the
 * first message's arrival until the last. KEY=VALUE are librdkafka's configuration; nothing else is set but
 * enable.partition.eof=false and what a run of millions of messages needs: a queue that is large enough.
 *
 * Always true: messages go in and come out in arrays of 10,000; all have the same value, which is not copied.
 * Not done: no groups, one partition; librdkafka's headers are not needed, what is used of them is declared here.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>

enum { PRODUCER = 0, CONSUMER = 1, CONF_OK = 0, ARRAY = 10000, TIMEOUT_MS = 30000 };
static const int64_t OFFSET_BEGINNING = -2;

typedef struct rd_kafka_s rd_kafka_t;
typedef struct rd_kafka_conf_s rd_kafka_conf_t;
typedef struct rd_kafka_topic_s rd_kafka_topic_t;
typedef struct rd_kafka_topic_conf_s rd_kafka_topic_conf_t;

/* rdkafka.h: rd_kafka_message_t */
typedef struct {
    int err;
    rd_kafka_topic_t *rkt;
    int32_t partition;
    void *payload;
    size_t len;
    void *key;
    size_t key_len;
    int64_t offset;
    void *private_data;
} message_t;

rd_kafka_conf_t *rd_kafka_conf_new(void);
int rd_kafka_conf_set(rd_kafka_conf_t *, const char *, const char *, char *, size_t);
void rd_kafka_conf_set_dr_msg_cb(rd_kafka_conf_t *, void (*)(rd_kafka_t *, const message_t *, void *));
rd_kafka_t *rd_kafka_new(int, rd_kafka_conf_t *, char *, size_t);
rd_kafka_topic_t *rd_kafka_topic_new(rd_kafka_t *, const char *, rd_kafka_topic_conf_t *);
int rd_kafka_produce_batch(rd_kafka_topic_t *, int32_t, int, message_t *, int);
int rd_kafka_poll(rd_kafka_t *, int);
int rd_kafka_flush(rd_kafka_t *, int);
int rd_kafka_consume_start(rd_kafka_topic_t *, int32_t, int64_t);
int rd_kafka_consume_stop(rd_kafka_topic_t *, int32_t);
ssize_t rd_kafka_consume_batch(rd_kafka_topic_t *, int32_t, int, message_t **, size_t);
void rd_kafka_message_destroy(message_t *);
const char *rd_kafka_err2str(int);

static void fail(const char *what, const char *why) {
    fprintf(stderr, "rdkafka: %s: %s\n", what, why);
    exit(1);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static void set(rd_kafka_conf_t *conf, const char *key, const char *value) {
    char why[512];
    if (rd_kafka_conf_set(conf, key, value, why, sizeof why) != CONF_OK) fail(key, why);
}

static long delivered;

static void on_delivery(rd_kafka_t *client, const message_t *message, void *opaque) {
    (void)client, (void)opaque;
    if (message->err) fail("a message was not delivered", rd_kafka_err2str(message->err));
    delivered++;
}

static double produce(rd_kafka_t *client, rd_kafka_topic_t *topic, long messages, size_t bytes) {
    char *value = malloc(bytes);
    message_t *array = malloc(ARRAY * sizeof *array);
    memset(value, 'x', bytes);
    double began = now();
    for (long left = messages; left > 0;) {
        int count = left < ARRAY ? (int)left : ARRAY, accepted;
        memset(array, 0, count * sizeof *array);
        for (int i = 0; i < count; i++) array[i].payload = value, array[i].len = bytes;
        /* What the full queue refuses is offered again: the refused ones are not the last ones, but all are alike. */
        accepted = rd_kafka_produce_batch(topic, 0, 0, array, count);
        left -= accepted;
        rd_kafka_poll(client, accepted < count ? 1 : 0);
    }
    if (rd_kafka_flush(client, TIMEOUT_MS)) fail("flush", "not all was delivered in time");
    double took = now() - began;
    if (delivered != messages) fail("produce", "not all was delivered");
    return messages / took;
}

static double consume(rd_kafka_topic_t *topic, long messages) {
    message_t **array = malloc(ARRAY * sizeof *array);
    double began = 0;
    long seen = 0, first = 0;
    if (rd_kafka_consume_start(topic, 0, OFFSET_BEGINNING)) fail("consume", "it does not start");
    while (seen < messages) {
        ssize_t count = rd_kafka_consume_batch(topic, 0, TIMEOUT_MS, array, ARRAY);
        if (count <= 0) fail("consume", "nothing came");
        if (!began) began = now(), first = count;
        for (ssize_t i = 0; i < count; i++) {
            if (array[i]->err) fail("consume", rd_kafka_err2str(array[i]->err));
            rd_kafka_message_destroy(array[i]);
        }
        seen += count;
    }
    double took = now() - began;
    rd_kafka_consume_stop(topic, 0);
    return (seen - first) / took;
}

int main(int count, char **words) {
    char why[512];
    if (count < 6) fail("usage", "produce|consume BROKERS TOPIC MESSAGES BYTES [KEY=VALUE...]");
    int producer = strcmp(words[1], "produce") == 0;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", words[2]);
    if (producer) {
        set(conf, "queue.buffering.max.messages", "1000000");
        rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    }
    for (int i = 6; i < count; i++) {
        char *value = strchr(words[i], '=');
        if (!value) fail(words[i], "is not KEY=VALUE");
        *value++ = 0;
        set(conf, words[i], value);
    }
    rd_kafka_t *client = rd_kafka_new(producer ? PRODUCER : CONSUMER, conf, why, sizeof why);
    if (!client) fail("no client", why);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(client, words[3], NULL);
    long messages = atol(words[4]);
    double rate = producer ? produce(client, topic, messages, strtoul(words[5], NULL, 10)) : consume(topic, messages);
    printf("records/s=%.0f MB/s=%.2f records=%ld\n", rate, rate * atof(words[5]) / 1e6, messages);
    /* Tearing a client down takes a while, and says nothing about a broker. */
    fflush(stdout);
    _Exit(0);
}
