package org.stateferry.service.notification;

import io.micrometer.core.instrument.MeterRegistry;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;
import org.springframework.mail.javamail.JavaMailSender;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StateferryHome;

/** Creates the notifier of each definition. Thread-safe. */
public final class Notifications implements AutoCloseable {
    private static final Duration CONNECT = Duration.ofSeconds(5);
    private static final Duration WHOLE = Duration.ofSeconds(15);

    private final NotificationProperties defaults;
    private final @Nullable JavaMailSender mail;
    private final LongFunction<String> logs;
    private final Clock clock;
    private final HttpSender http = new HttpSender(CONNECT, WHOLE);
    private final UndeliveredFile undelivered;
    private final Deliveries deliveries;

    /**
     * @param defaults who is told of definitions that do not say so
     * @param mail the mail server, or null if none is configured
     * @param home keeps what is not delivered
     * @param logs the end of an import's log, by the import's ID
     * @param registry counts what becomes of notifications
     * @param clock the time of day
     * @throws StateferryException if a setting is not valid
     */
    public Notifications(
            NotificationProperties defaults,
            @Nullable JavaMailSender mail,
            StateferryHome home,
            LongFunction<String> logs,
            MeterRegistry registry,
            Clock clock)
            throws StateferryException {
        this(defaults, mail, home, logs, registry, clock, Deliveries.PAUSES);
    }

    /** @param pauses those between the tries */
    Notifications(
            NotificationProperties defaults,
            @Nullable JavaMailSender mail,
            StateferryHome home,
            LongFunction<String> logs,
            MeterRegistry registry,
            Clock clock,
            List<Duration> pauses)
            throws StateferryException {
        this.defaults = defaults;
        this.mail = mail;
        if (mail != null) {
            new MailSockets(Mailbox.WHOLE).useFor(mail);
        }
        this.logs = logs;
        this.clock = clock;
        this.undelivered = new UndeliveredFile(home);
        this.deliveries = new Deliveries(pauses, Deliveries.WAITING_MAX, registry, undelivered);
        defaults.ruleFor("any"); // a mistake is told at the start
    }

    /**
     * Makes what tells the receivers of a definition; sends what was not delivered before the service ended.
     *
     * @param definition its name
     * @param rule what it says, or null if the settings are to count
     */
    public DefinitionNotices of(String definition, @Nullable NotifyRule rule) {
        NotifyRule valid = rule == null ? defaultRule(definition) : rule;
        List<Receiver> receivers = new ArrayList<>();
        valid.webhooks().forEach(uri -> receivers.add(new Webhook(http, uri)));
        valid.mail().forEach(to -> receivers.add(new Mailbox(mail, defaults.from(), to)));
        valid.pings().forEach(uri -> receivers.add(new Ping(http, uri)));
        receivers.forEach(
                receiver -> undelivered.take(receiver, definition).forEach(notice -> deliveries.add(receiver, notice)));
        return new DefinitionNotices(definition, valid, receivers, deliveries, logs, clock);
    }

    private NotifyRule defaultRule(String definition) {
        try {
            return defaults.ruleFor(definition);
        } catch (StateferryException e) {
            throw new IllegalStateException(e); // it was valid at the start
        }
    }

    @Override
    public void close() {
        deliveries.close();
    }
}
