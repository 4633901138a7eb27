package org.stateferry.service.notification;

import jakarta.mail.internet.AddressException;
import jakarta.mail.internet.InternetAddress;
import java.net.URI;
import java.net.URISyntaxException;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.stateferry.service.definition.DefinitionFields;
import org.stateferry.service.definition.FieldValues;

/**
 * The receivers of a definition, and the events that each gets. Immutable. Addresses of webhooks and pings are secrets,
 * so {@link #toString} leaves them out.
 *
 * @param on what webhooks and e-mail are for; pings tell of each start and end
 * @param webhooks where events go in JSON
 * @param mail whom e-mail goes to
 * @param pings what is asked for with each start and end, as healthchecks.io wants it
 */
public record NotifyRule(Set<EventKind> on, List<URI> webhooks, List<String> mail, List<URI> pings) {
    /** The most receivers of each kind. */
    public static final int RECEIVERS_MAX = 10;

    /** What webhooks and e-mail are for unless somebody says otherwise. */
    static final Set<EventKind> DEFAULT_EVENTS =
            EnumSet.of(EventKind.FAILURE, EventKind.RECOVERED, EventKind.MISSED, EventKind.DAMAGED);

    /** The rule by which nobody is told anything. */
    public static final NotifyRule NONE = new NotifyRule(Set.of(), List.of(), List.of(), List.of());

    /** Stands for the definition's name in the address of a ping. */
    private static final String DEFINITION = "{definition}";

    /** As many as may be; none of the events means the usual ones. */
    public NotifyRule {
        on = Set.copyOf(on.isEmpty() ? DEFAULT_EVENTS : on);
        webhooks = List.copyOf(webhooks);
        mail = List.copyOf(mail);
        pings = List.copyOf(pings);
        if (Math.max(webhooks.size(), Math.max(mail.size(), pings.size())) > RECEIVERS_MAX) {
            throw new IllegalArgumentException("more than " + RECEIVERS_MAX + " receivers of a kind");
        }
    }

    /**
     * Reads {@code notify}, which stands in the place of all that the settings say.
     *
     * @param job the definition's name
     * @param settings puts settings in the place of what stands for them in a text, or throws an {@link IllegalArgumentException}
     * @return null if the settings are to count, and also, beside a mistake, if nobody is named
     */
    public static @Nullable NotifyRule read(DefinitionFields fields, String job, UnaryOperator<String> settings) {
        List<EventKind> on = fields.readAll("notify.on", RECEIVERS_MAX, EventKind::parse);
        List<URI> webhooks =
                fields.readAll("notify.webhook", RECEIVERS_MAX, text -> parseAddress(settings.apply(text), job));
        List<String> mail = fields.readAll("notify.mail", RECEIVERS_MAX, text -> parseMailbox(settings.apply(text)));
        List<URI> pings = fields.readAll("notify.ping", RECEIVERS_MAX, text -> parseAddress(settings.apply(text), job));
        if (!fields.read("notify.enabled", true, FieldValues::truth)) {
            return NONE;
        }
        if (webhooks.isEmpty() && mail.isEmpty() && pings.isEmpty()) {
            if (!on.isEmpty()) {
                fields.mistake("'notify.on' needs one of 'notify.webhook', 'notify.mail' and 'notify.ping'");
            }
            return null;
        }
        return new NotifyRule(Set.copyOf(on), webhooks, mail, pings);
    }

    /**
     * Reads the address of a webhook or a ping. The message about a wrong one leaves the text out, which may be a secret.
     *
     * @param definition the definition's name, which takes the place of {@code {definition}}
     * @throws IllegalArgumentException if it is none
     */
    public static URI parseAddress(String text, String definition) {
        URI uri;
        try {
            uri = new URI(text.strip().replace(DEFINITION, escaped(definition)));
        } catch (URISyntaxException e) {
            throw new IllegalArgumentException("it is no address", e);
        }
        String scheme = uri.getScheme() == null ? "" : uri.getScheme().toLowerCase(Locale.ROOT);
        if (!scheme.equals("http") && !scheme.equals("https")) {
            throw new IllegalArgumentException("the address must begin with https:// or http://");
        }
        if (uri.getHost() == null || uri.getRawUserInfo() != null || uri.getRawFragment() != null) {
            throw new IllegalArgumentException("the address must have a host, and neither user nor fragment");
        }
        return uri;
    }

    private static String escaped(String definition) {
        try {
            return new URI(null, null, "/" + definition, null)
                    .toASCIIString()
                    .substring(1)
                    .replace("/", "%2F");
        } catch (URISyntaxException e) {
            throw new IllegalArgumentException("the definition's name fits into no address", e);
        }
    }

    /**
     * Reads the address of a mailbox.
     *
     * @throws IllegalArgumentException if it is no mailbox
     */
    public static String parseMailbox(String text) {
        try {
            InternetAddress address = new InternetAddress(text.strip(), true);
            if (address.getAddress().indexOf('@') < 0) {
                throw new IllegalArgumentException("'" + text + "' has no host");
            }
            return address.toString();
        } catch (AddressException e) {
            throw new IllegalArgumentException("'" + text + "' is no mailbox: " + e.getMessage(), e);
        }
    }

    /** Whether webhooks and e-mail are to tell of something. */
    boolean wants(EventKind kind) {
        return on.contains(kind) || kind == EventKind.RECOVERED && on.contains(EventKind.SUCCESS);
    }

    @Override
    public String toString() {
        return "NotifyRule[" + on + ", " + webhooks.size() + " webhooks, " + mail.size() + " mailboxes, " + pings.size()
                + " pings]";
    }
}
