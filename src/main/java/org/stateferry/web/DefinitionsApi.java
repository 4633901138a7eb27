package org.stateferry.web;

import io.swagger.v3.oas.annotations.Operation;
import jakarta.servlet.http.HttpServletRequest;
import java.util.List;
import org.springframework.http.HttpStatus;
import org.springframework.security.core.Authentication;
import org.springframework.web.bind.annotation.DeleteMapping;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.PutMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.ResponseStatus;
import org.springframework.web.bind.annotation.RestController;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.installation.NotificationResult;
import org.stateferry.service.Definitions;
import org.stateferry.service.Definitions.Definition;
import org.stateferry.service.retention.RetentionReport;

/** Job definitions: their condition, and firing one, also by webhooks that may do nothing else. */
@RestController
@RequestMapping("/api/v1")
class DefinitionsApi {
    private final Definitions definitions;
    private final Webhooks hooks;

    DefinitionsApi(Definitions definitions, Webhooks hooks) {
        this.definitions = definitions;
        this.hooks = hooks;
    }

    @GetMapping("/definitions")
    @Operation(summary = "All job definitions, when they fire next and how they ended last")
    List<Definition> list() {
        return definitions.list();
    }

    @GetMapping("/definitions/{name}")
    @Operation(summary = "One job definition")
    Definition one(@PathVariable String name) {
        return definitions.find(name).orElseThrow(() -> unknown(name));
    }

    @PostMapping("/definitions/{name}/run")
    @Operation(summary = "Fires a definition now, unless its import is running")
    @ResponseStatus(HttpStatus.ACCEPTED)
    Definition run(@PathVariable String name) {
        definitions.endHoldBack(name);
        fire(name);
        return one(name);
    }

    @PostMapping("/definitions/{name}/pause")
    @Operation(summary = "Pauses a definition: it starts no more imports until it is resumed; running ones continue")
    Definition pause(@PathVariable String name) {
        return pause(name, true);
    }

    @PostMapping("/definitions/{name}/resume")
    @Operation(summary = "Ends the pause of a definition")
    Definition resume(@PathVariable String name) {
        return pause(name, false);
    }

    @PostMapping("/definitions/pause")
    @Operation(summary = "Pauses all definitions, future ones included, until all are resumed")
    List<Definition> pauseAll() {
        definitions.pauseAll(true);
        return list();
    }

    @PostMapping("/definitions/resume")
    @Operation(summary = "Ends the pause of all definitions; those that are paused by themselves stay so")
    List<Definition> resumeAll() {
        definitions.pauseAll(false);
        return list();
    }

    @PostMapping("/definitions/{name}/notifications/test")
    @Operation(summary = "Sends a test notification to all receivers of a definition, and returns the result of each")
    List<NotificationResult> testNotifications(@PathVariable String name) {
        return definitions.testNotifications(name).orElseThrow(() -> unknown(name));
    }

    @GetMapping("/definitions/{name}/retention")
    @Operation(
            summary =
                    "What retention would do with a definition's snapshots now and why, and the result of their last reading back")
    RetentionReport retention(@PathVariable String name) {
        return definitions.retention(name).orElseThrow(() -> unknown(name));
    }

    @PutMapping("/definitions/{name}/snapshots/{number}/hold")
    @Operation(summary = "Puts a snapshot on hold: it is kept, whatever the rule says")
    RetentionReport.Snapshot hold(@PathVariable String name, @PathVariable long number, Authentication asker)
            throws StateferryException {
        return definitions
                .hold(name, number, asker.getName())
                .orElseThrow(() -> new Problems.UnknownException("snapshot " + number + " of definition " + name));
    }

    @DeleteMapping("/definitions/{name}/snapshots/{number}/hold")
    @Operation(summary = "Ends the hold of a snapshot: the rule decides about it again")
    RetentionReport.Snapshot release(@PathVariable String name, @PathVariable long number) throws StateferryException {
        return definitions
                .hold(name, number, null)
                .orElseThrow(() -> new Problems.UnknownException("snapshot " + number + " of definition " + name));
    }

    @PostMapping("/definitions/{name}/verify")
    @Operation(summary = "Reads a definition's snapshots back now, unless that is running already")
    @ResponseStatus(HttpStatus.ACCEPTED)
    RetentionReport verify(@PathVariable String name) {
        if (!definitions.verify(name)) {
            throw unknown(name);
        }
        return retention(name);
    }

    private Definition pause(String name, boolean paused) {
        if (!definitions.pause(name, paused)) {
            throw unknown(name);
        }
        return one(name);
    }

    /** The answer tells nothing but that the signature was right. */
    @PostMapping("/hooks/{name}")
    @Operation(summary = "Fires a definition now, for callers that sign the request")
    @ResponseStatus(HttpStatus.ACCEPTED)
    void hook(@PathVariable String name, HttpServletRequest request) throws StateferryException {
        hooks.require(name, request.getHeader(Webhooks.TIMESTAMP), request.getHeader(Webhooks.SIGNATURE));
        request.setAttribute(AuditFilter.ABOUT, "signed");
        fire(name);
    }

    private void fire(String name) {
        switch (definitions.fire(name)) {
            case FIRED -> {}
            case HELD ->
                throw new Problems.NotNowException(
                        StateferryException.of(FailureKind.USAGE, "definition " + name + " is paused, or not enabled")
                                .advise("Resume it, or set 'enabled: true' in its file."));
            case UNKNOWN -> throw unknown(name);
        }
    }

    private static Problems.UnknownException unknown(String name) {
        return new Problems.UnknownException(
                StateferryException.of(FailureKind.USAGE, "there is no definition " + name)
                        .advise(
                                "A definition has the name of its file in the folder of stateferry.jobs, without .yaml or .yml."));
    }
}
