package org.stateferry.service.notification;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.mail.javamail.JavaMailSenderImpl;

/** A mail server may send what it likes: the connection ends, and with it the thread that reads. */
class MailSocketsTest {
    private static final Notice NOTICE =
            new Notice(EventKind.TEST, Event.of(EventKind.TEST, "nightly", "a test", Instant.EPOCH), "");
    /** What fits into the buffers of both sockets comes on top of what is read. */
    private static final long SENT_MAX = 64L << 20;

    /** Repeats itself until the connection breaks, and tells how many bytes it has sent until then. */
    private static CompletableFuture<Long> repeat(ServerSocket server, String begin, String then) {
        CompletableFuture<Long> sent = new CompletableFuture<>();
        Thread thread = new Thread(() -> {
            long count = 0;
            try (Socket client = server.accept()) {
                OutputStream answers = client.getOutputStream();
                answers.write(begin.getBytes(StandardCharsets.US_ASCII));
                byte[] again = then.getBytes(StandardCharsets.US_ASCII);
                while (count <= SENT_MAX) {
                    answers.write(again);
                    count += again.length;
                }
            } catch (IOException e) {
                // the other side has had enough
            }
            sent.complete(count);
        });
        thread.setDaemon(true);
        thread.start();
        return sent;
    }

    private static Mailbox mailbox(ServerSocket server, Duration whole) {
        JavaMailSenderImpl sender = new JavaMailSenderImpl();
        sender.setHost("127.0.0.1");
        sender.setPort(server.getLocalPort());
        new MailSockets(whole).useFor(sender);
        return new Mailbox(sender, "from@example.org", "to@example.org");
    }

    @ParameterizedTest
    @ValueSource(strings = {"x", "220-more\r\n"})
    void anAnswerWithoutAnEndIsGivenUpBeforeItFillsTheMemory(String then) throws Exception {
        try (ServerSocket server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            CompletableFuture<Long> sent = repeat(server, "220 ", then.repeat(1 << 12));

            assertThatThrownBy(() -> mailbox(server, Duration.ofHours(1)).tell(NOTICE))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("did not take it");

            assertThat(sent.get(5, TimeUnit.MINUTES)).isLessThan(SENT_MAX);
        }
    }

    @Test
    void aConversationThatTakesTooLongIsBrokenOff() throws Exception {
        try (ServerSocket server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            CompletableFuture<Long> sent = repeat(server, "220 ", "x");

            assertThatThrownBy(() -> mailbox(server, Duration.ZERO).tell(NOTICE))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("did not take it");

            assertThat(sent.get(5, TimeUnit.MINUTES)).isLessThan(SENT_MAX);
        }
    }

    /** A socket that is not the library's own must not be one without encryption. */
    @Test
    void whereTlsIsAskedForItBeginsBeforeAnythingIsSaid() throws Exception {
        try (ServerSocket server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            CompletableFuture<Integer> first = CompletableFuture.supplyAsync(() -> {
                try (Socket client = server.accept()) {
                    return client.getInputStream().read();
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            });
            JavaMailSenderImpl sender = new JavaMailSenderImpl();
            sender.setProtocol("smtps");
            sender.setHost("127.0.0.1");
            sender.setPort(server.getLocalPort());
            new MailSockets(Duration.ofMinutes(5)).useFor(sender);

            assertThatThrownBy(() -> new Mailbox(sender, "from@example.org", "to@example.org").tell(NOTICE))
                    .isInstanceOf(Exception.class);

            assertThat(first.get()).as("a record of TLS's handshake").isEqualTo(22);
        }
    }

    @Test
    void anOrdinaryServerTakesIt() throws Exception {
        try (SmtpReceiver server = new SmtpReceiver()) {
            JavaMailSenderImpl sender = new JavaMailSenderImpl();
            sender.setHost("127.0.0.1");
            sender.setPort(server.port());
            new MailSockets(Duration.ofMinutes(5)).useFor(sender);

            new Mailbox(sender, "from@example.org", "to@example.org").tell(NOTICE);

            assertThat(server.messages()).singleElement().asString().contains("a test");
        }
    }
}
