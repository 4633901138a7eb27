package org.stateferry.service.notification;

import java.io.IOException;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import org.springframework.mail.SimpleMailMessage;
import org.springframework.mail.javamail.JavaMailSender;
import org.stateferry.error.ForeignText;

/**
 * Receives notifications by e-mail.
 *
 * @param sender the mail server, or null if none is configured
 * @param from the sender's mailbox
 * @param to the mailbox
 */
record Mailbox(@Nullable JavaMailSender sender, String from, String to) implements Receiver {
    /** The settings bound each word from the server; this bounds them all. */
    static final Duration WHOLE = Duration.ofSeconds(30);

    private static final int SENDERS_MAX = 4;
    private static final ExecutorService SENDERS =
            new ThreadPoolExecutor(0, SENDERS_MAX, 10, TimeUnit.SECONDS, new SynchronousQueue<>(), task -> {
                Thread thread = new Thread(task, "mail");
                thread.setDaemon(true);
                return thread;
            });

    @Override
    public String type() {
        return "mail";
    }

    @Override
    public String place() {
        return to;
    }

    @Override
    public String address() {
        return to;
    }

    @Override
    public boolean wantsNewestOnly() {
        return false;
    }

    @Override
    public void tell(Notice notice) throws IOException {
        if (sender == null) {
            throw new IOException("no mail server is configured; set spring.mail.host");
        }
        SimpleMailMessage message = new SimpleMailMessage();
        message.setFrom(from);
        message.setTo(to);
        Event event = notice.event();
        message.setSubject(ForeignText.escape("[Stateferry] " + event.definition() + ": " + event.event()));
        message.setText(text(notice));
        send(sender, message);
    }

    private static void send(JavaMailSender server, SimpleMailMessage message) throws IOException {
        Future<?> sent;
        try {
            sent = SENDERS.submit(() -> server.send(message));
        } catch (RejectedExecutionException e) {
            throw new IOException("the mail server keeps earlier messages waiting", e);
        }
        try {
            sent.get(WHOLE.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            throw new IOException("the mail server did not take it within " + WHOLE.toSeconds() + " s", e);
        } catch (ExecutionException e) {
            throw new IOException(
                    "the mail server did not take it: " + reason(Objects.requireNonNullElse(e.getCause(), e)), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("the service ended meanwhile", e);
        }
    }

    /** The framework's words, on one line; they have no password in them. */
    private static String reason(Throwable failure) {
        String text = String.valueOf(failure.getMessage());
        return ForeignText.cut(ForeignText.escape(text.lines().findFirst().orElse("")), 200);
    }

    private static String text(Notice notice) {
        Event event = notice.event();
        StringBuilder text = new StringBuilder(event.message()).append("\n\n");
        line(text, "definition", event.definition());
        line(text, "import", event.importId());
        line(text, "dump", event.dump());
        line(text, "image", event.image());
        line(text, "snapshot", event.name());
        line(text, "started", event.started());
        line(text, "ended", event.ended());
        line(text, "bytes written", event.bytes());
        Event.FirstError error = event.firstError();
        if (error != null) {
            line(text, "first error", error.message());
            line(text, "kind", error.kind() + ", exit code " + error.exitCode());
            line(text, "file", error.file());
            line(text, "offset", error.offset());
            line(text, "next step", error.nextStep());
        }
        if (!notice.log().isEmpty()) {
            text.append('\n').append(notice.log());
        }
        return text.toString();
    }

    private static void line(StringBuilder text, String name, @Nullable Object value) {
        if (value != null) {
            text.append(name)
                    .append(": ")
                    .append(ForeignText.escape(value.toString()))
                    .append('\n');
        }
    }
}
