package org.stateferry.service.notification;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.groups.Tuple.tuple;
import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.slf4j.LoggerFactory;
import org.springframework.mail.javamail.JavaMailSenderImpl;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StateferryHome;
import org.stateferry.installation.NotificationResult;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Real servers on loopback are told, or are not. */
class NotificationsTest {
    private static final Duration LIMIT = Duration.ofMinutes(10);
    private static final String SECRET = "t0ken-of-the-hook";
    private static final Logger LOGGER = (Logger) LoggerFactory.getLogger(Deliveries.class);

    private static final StateferryException FAILURE = StateferryException.at(
                    FailureKind.DUMP_INVALID, Path.of("/dumps/vm.dump"), 4096, "the stream ends here")
            .advise("Save the guest again.");
    private static final Event.Subject SUBJECT = new Event.Subject(
            17L, "/dumps/vm.dump", "/images/vm.qcow2", "nightly-1", Instant.parse("2026-11-28T02:30:00Z"));

    @TempDir
    Path folder;

    private final SimpleMeterRegistry registry = new SimpleMeterRegistry();
    private final ListAppender<ILoggingEvent> logged = new ListAppender<>();
    private final List<Notifications> started = new ArrayList<>();
    private HttpReceiver http;
    private SmtpReceiver smtp;
    private StateferryHome home;

    @BeforeEach
    void start() throws IOException {
        http = new HttpReceiver();
        smtp = new SmtpReceiver();
        home = StateferryHome.open(folder.resolve("home"));
        logged.start();
        LOGGER.addAppender(logged);
    }

    @AfterEach
    void stop() throws IOException {
        started.forEach(Notifications::close);
        http.close();
        smtp.close();
        LOGGER.detachAppender(logged);
    }

    private Notifications notifications(Duration... pauses) throws StateferryException {
        JavaMailSenderImpl mail = new JavaMailSenderImpl();
        mail.setHost("127.0.0.1");
        mail.setPort(smtp.port());
        Notifications made = new Notifications(
                new NotificationProperties(List.of(), List.of(), List.of(), List.of("failure"), "stateferry@localhost"),
                mail,
                home,
                id -> "the log of import " + id + "\n",
                registry,
                Clock.systemUTC(),
                List.of(pauses));
        started.add(made);
        return made;
    }

    private static NotifyRule rule(Set<EventKind> on, List<String> webhooks, List<String> mail, List<String> pings) {
        return new NotifyRule(on, addresses(webhooks), mail, addresses(pings));
    }

    private static List<URI> addresses(List<String> texts) {
        return texts.stream()
                .map(text -> NotifyRule.parseAddress(text, "nightly"))
                .toList();
    }

    private double count(String type, String outcome) {
        return registry.get("stateferry.notifications")
                .tag("receiver", type)
                .tag("outcome", outcome)
                .counter()
                .count();
    }

    private static void awaitThat(Callable<Boolean> condition) {
        await().atMost(LIMIT).until(condition);
    }

    @Test
    void aFailureReachesWebhookMailboxAndPingWithItsFirstError() throws Exception {
        DefinitionNotices notices = notifications()
                .of(
                        "nightly",
                        rule(
                                Set.of(),
                                List.of(http.url("/hook")),
                                List.of("ops@example.org"),
                                List.of(http.url("/ping/{definition}?create=1"))));

        notices.started(SUBJECT);
        awaitThat(() -> count("ping", "delivered") == 1);
        notices.failed(false, FAILURE, SUBJECT, Instant.parse("2026-11-28T02:31:00Z"));
        awaitThat(() -> count("ping", "delivered") == 2
                && count("webhook", "delivered") == 1
                && count("mail", "delivered") == 1);

        assertThat(http.paths())
                .containsExactlyInAnyOrder("/ping/nightly/start?create=1", "/ping/nightly/fail?create=1", "/hook");
        HttpReceiver.Received fail = http.received().stream()
                .filter(one -> one.path().contains("/fail"))
                .findFirst()
                .orElseThrow();
        assertThat(fail.body()).isEqualTo("the log of import 17\n");
        HttpReceiver.Received hook = http.received().stream()
                .filter(one -> one.path().equals("/hook"))
                .findFirst()
                .orElseThrow();
        JsonNode event = JsonMapper.shared().readTree(hook.body());
        assertThat(event.path("event").asString()).isEqualTo("failure");
        assertThat(event.path("definition").asString()).isEqualTo("nightly");
        assertThat(event.path("importId").asLong()).isEqualTo(17);
        assertThat(event.path("image").asString()).isEqualTo("/images/vm.qcow2");
        assertThat(event.path("name").asString()).isEqualTo("nightly-1");
        assertThat(event.path("started").asString()).isEqualTo("2026-11-28T02:30:00Z");
        assertThat(event.path("ended").asString()).isEqualTo("2026-11-28T02:31:00Z");
        JsonNode error = event.path("firstError");
        assertThat(error.path("kind").asString()).isEqualTo("dump-invalid");
        assertThat(error.path("exitCode").asInt()).isEqualTo(10);
        assertThat(error.path("offset").asInt()).isEqualTo(4096);
        assertThat(error.path("nextStep").asString()).isEqualTo("Save the guest again.");
        assertThat(smtp.messages())
                .singleElement()
                .asString()
                .contains(
                        "Subject: [Stateferry] nightly: failure",
                        "To: ops@example.org",
                        "dump-invalid",
                        "the stream ends here",
                        "Save the guest again.",
                        "the log of import 17");
    }

    @Test
    void onlyWhatIsAskedForIsToldAndASuccessAfterFailuresIsARecovery() throws Exception {
        DefinitionNotices notices = notifications()
                .of(
                        "nightly",
                        rule(
                                Set.of(EventKind.SUCCESS, EventKind.MISSED, EventKind.DAMAGED),
                                List.of(http.url("/hook")),
                                List.of(),
                                List.of()));

        notices.started(SUBJECT);
        notices.failed(false, FAILURE, SUBJECT, Instant.EPOCH);
        notices.alive("nothing new");
        notices.succeeded(true, "snapshot 1", SUBJECT, Instant.EPOCH, 100);
        notices.succeeded(false, "snapshot 2", SUBJECT, Instant.EPOCH, 100);
        notices.missed("nobody came");
        notices.damaged(FAILURE, SUBJECT);
        awaitThat(() -> count("webhook", "delivered") == 4);

        assertThat(http.received())
                .extracting(one ->
                        JsonMapper.shared().readTree(one.body()).path("event").asString())
                .containsExactly("recovered", "success", "missed", "damaged");
    }

    @Test
    void aReceiverThatRefusesIsTriedAgainAndThenGivenUpWithOneLineAndNoSecret() throws Exception {
        http.answerWith(503, "");
        DefinitionNotices notices = notifications(Duration.ofMillis(1), Duration.ofMillis(2))
                .of("nightly", rule(Set.of(), List.of(http.url("/" + SECRET)), List.of(), List.of()));

        notices.failed(false, FAILURE, SUBJECT, Instant.EPOCH);
        awaitThat(() -> count("webhook", "failed") == 1);

        assertThat(http.received()).hasSize(3);
        assertThat(logged.list)
                .singleElement()
                .satisfies(line -> assertThat(line.getFormattedMessage())
                        .contains("nightly", "failure", "tried 3 times", "status 503", "127.0.0.1")
                        .doesNotContain(SECRET));
    }

    @Test
    void whatFailsFirstArrivesLater() throws Exception {
        http.answerWith(500, "");
        DefinitionNotices notices = notifications(Duration.ofMillis(1), Duration.ofMinutes(5))
                .of("nightly", rule(Set.of(), List.of(http.url("/hook")), List.of(), List.of()));
        notices.failed(false, FAILURE, SUBJECT, Instant.EPOCH);
        awaitThat(() -> http.received().size() == 2);
        notices.missed("told while the other waits");
        awaitThat(() -> http.received().size() == 4);

        assertThat(count("webhook", "delivered")).isZero();
        assertThat(registry.get("stateferry.notifications.waiting").gauge().value())
                .isEqualTo(2);
    }

    @Test
    void aRedirectIsNotFollowed() throws Exception {
        http.answerWith(302, http.url("/elsewhere"));
        DefinitionNotices notices =
                notifications().of("nightly", rule(Set.of(), List.of(http.url("/hook")), List.of(), List.of()));

        notices.failed(false, FAILURE, SUBJECT, Instant.EPOCH);
        awaitThat(() -> count("webhook", "failed") == 1);

        assertThat(http.paths()).containsExactly("/hook");
        assertThat(logged.list.get(0).getFormattedMessage()).contains("redirect (302)");
    }

    /** It takes a connection and never says a word; whoever has news goes on at once. */
    @Test
    void aReceiverThatHangsHoldsBackNoImportAndNoOtherReceiver() throws Exception {
        try (ServerSocket silent = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
            String hung = "http://127.0.0.1:" + silent.getLocalPort() + "/hook";
            List<String> others = new ArrayList<>();
            for (int number = 0; number < 9; number++) {
                others.add(http.url("/" + number)); // some share its thread, most do not
            }
            List<String> all = new ArrayList<>(others);
            all.add(0, hung);
            DefinitionNotices notices = notifications().of("nightly", rule(Set.of(), all, List.of(), List.of()));

            notices.failed(false, FAILURE, SUBJECT, Instant.EPOCH);

            int thread = Math.floorMod(hung.hashCode(), 4);
            long free = others.stream()
                    .filter(url -> Math.floorMod(url.hashCode(), 4) != thread)
                    .count();
            awaitThat(() -> count("webhook", "delivered") >= free);
            assertThat(free).isPositive();
        }
    }

    private static final class Gate implements Receiver {
        private final CountDownLatch open = new CountDownLatch(1);
        private final List<Event> told = new ArrayList<>();

        @Override
        public String type() {
            return "webhook";
        }

        @Override
        public String place() {
            return "gate";
        }

        @Override
        public String address() {
            return "gate";
        }

        @Override
        public boolean wantsNewestOnly() {
            return false;
        }

        @Override
        public void tell(Notice notice) throws IOException {
            try {
                open.await();
            } catch (InterruptedException e) {
                throw new IOException(e);
            }
            told.add(notice.event());
        }
    }

    @Test
    void whenTooManyAreOnTheirWayTheOldestIsDroppedAndCounted() {
        Gate gate = new Gate();
        try (Deliveries deliveries = new Deliveries(List.of(), 3, registry, new UndeliveredFile(home))) {
            for (int number = 0; number < 10; number++) {
                Event event = Event.of(EventKind.FAILURE, "nightly", "number " + number, Instant.EPOCH);
                deliveries.add(gate, new Notice(EventKind.FAILURE, event, ""));
                assertThat(deliveries.waitingCount()).isLessThanOrEqualTo(3);
            }
            assertThat(count("webhook", "dropped")).isEqualTo(7);
            gate.open.countDown();
            awaitThat(() -> deliveries.waitingCount() == 0);
        }

        assertThat(gate.told).extracting(Event::message).endsWith("number 7", "number 8", "number 9");
        assertThat(count("webhook", "delivered")).isEqualTo(3);
    }

    @Test
    void aNewerPingTakesThePlaceOfOneThatHasNotArrived() throws Exception {
        http.answerWith(500, "");
        DefinitionNotices notices = notifications(Duration.ofMinutes(5))
                .of("nightly", rule(Set.of(), List.of(), List.of(), List.of(http.url("/ping"))));
        notices.failed(false, FAILURE, SUBJECT, Instant.EPOCH);
        awaitThat(() -> http.received().size() == 1);

        http.answerWith(200, "");
        notices.succeeded(true, "snapshot 1", SUBJECT, Instant.EPOCH, 1);
        awaitThat(() -> count("ping", "delivered") == 1);

        assertThat(count("ping", "superseded")).isEqualTo(1);
        assertThat(registry.get("stateferry.notifications.waiting").gauge().value())
                .isZero();
        assertThat(http.paths()).containsExactly("/ping/fail", "/ping");
    }

    @Test
    void anIdleDefinitionPingsOnceAMinuteAtMost() throws Exception {
        DefinitionNotices notices =
                notifications().of("nightly", rule(Set.of(), List.of(), List.of(), List.of(http.url("/ping"))));
        for (int firing = 0; firing < 50; firing++) {
            notices.alive("snapshot 1 is there");
        }
        awaitThat(() -> count("ping", "delivered") == 1);

        assertThat(http.paths()).containsExactly("/ping");
        assertThat(count("ping", "superseded")).isZero();
    }

    @Test
    void badNewsOutlivesTheServiceAndIsToldOnce() throws Exception {
        http.answerWith(500, "");
        NotifyRule rule = rule(
                Set.of(EventKind.FAILURE, EventKind.SUCCESS), List.of(http.url("/" + SECRET)), List.of(), List.of());
        Notifications first = notifications(Duration.ofMinutes(5));
        DefinitionNotices notices = first.of("nightly", rule);
        notices.failed(false, FAILURE, SUBJECT, Instant.EPOCH);
        notices.succeeded(false, "good news", SUBJECT, Instant.EPOCH, 1);
        awaitThat(() -> http.received().size() == 2);
        assertThat(Files.readString(home.notificationsFile()))
                .doesNotContain(SECRET)
                .contains("the stream ends here");
        first.close();

        http.answerWith(200, "");
        Notifications second = notifications();
        second.of("another", rule);
        second.of("nightly", rule);
        awaitThat(() -> http.received().size() == 3);
        awaitThat(() -> !Files.readString(home.notificationsFile()).contains("the stream ends here"));
        notifications().of("nightly", rule);

        assertThat(http.received())
                .hasSize(3)
                .last()
                .satisfies(one -> assertThat(one.body())
                        .contains("\"event\":\"failure\"", "\"nextStep\":\"Save the guest again.\""));
    }

    @Test
    void aTestTellsHowEachReceiverTookItAndNoSecret() throws Exception {
        int closed;
        try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            closed = taken.getLocalPort();
        }
        DefinitionNotices notices = notifications()
                .of(
                        "nightly",
                        rule(
                                Set.of(),
                                List.of(http.url("/" + SECRET), "http://127.0.0.1:" + closed + "/" + SECRET),
                                List.of("ops@example.org"),
                                List.of(http.url("/ping/"))));

        List<NotificationResult> results = notices.test();

        assertThat(results)
                .extracting(NotificationResult::receiver, NotificationResult::delivered)
                .containsExactly(
                        tuple("webhook", true), tuple("webhook", false), tuple("mail", true), tuple("ping", true));
        assertThat(results.get(1).problem()).isEqualTo("it cannot be reached");
        assertThat(results.toString()).doesNotContain(SECRET);
        assertThat(http.paths()).containsExactlyInAnyOrder("/" + SECRET, "/ping/log");
        assertThat(smtp.messages()).singleElement().asString().contains("nightly: test");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "ftp://example.org/x",
                "file:///etc/passwd",
                "example.org",
                "https:///path",
                "https://user:t0ken@example.org/",
                "https://example.org/#t0ken",
                "https://exa mple.org/t0ken",
                ""
            })
    void whatIsNoAddressIsRefusedWithoutBeingRepeated(String text) {
        assertThatThrownBy(() -> NotifyRule.parseAddress(text, "nightly"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("address")
                .hasMessageNotContaining("t0ken");
    }

    @Test
    void aDefinitionsNameInAnAddressIsEncodedAndARuleKeepsItsAddressesToItself() {
        URI address = NotifyRule.parseAddress("https://hc.example.org/key/{definition}", "a b/../c?d");

        assertThat(address).hasToString("https://hc.example.org/key/a%20b%2F..%2Fc%3Fd");
        assertThat(new NotifyRule(Set.of(), List.of(address), List.of(), List.of()).toString())
                .doesNotContain("key", "hc.example.org");
    }
}
