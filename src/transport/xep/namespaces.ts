/** The namespaces of the specifications in this folder, each with its source. @module */

/** RFC 6120: stanzas of a client. */
export const clientNamespace = "jabber:client";
/** XEP-0004 Data Forms. */
export const dataFormNamespace = "jabber:x:data";
/** XEP-0030 Service Discovery. */
export const discoInfoNamespace = "http://jabber.org/protocol/disco#info";
/** XEP-0060 Publish-Subscribe: requests. */
export const pubsubNamespace = "http://jabber.org/protocol/pubsub";
/** XEP-0060: requests of a node's owner. */
export const pubsubOwnerNamespace = "http://jabber.org/protocol/pubsub#owner";
/** XEP-0060: notifications. */
export const pubsubEventNamespace = "http://jabber.org/protocol/pubsub#event";
/** XEP-0115 Entity Capabilities. */
export const capsNamespace = "http://jabber.org/protocol/caps";
/** XEP-0203 Delayed Delivery. */
export const delayNamespace = "urn:xmpp:delay";
/** XEP-0334 Message Processing Hints. */
export const hintsNamespace = "urn:xmpp:hints";
/** XEP-0359 Unique and Stable Stanza IDs. */
export const stanzaIdNamespace = "urn:xmpp:sid:0";
/** XEP-0380 Explicit Message Encryption. */
export const encryptionNamespace = "urn:xmpp:eme:0";
/** XEP-0384, current version. */
export const omemo2Namespace = "urn:xmpp:omemo:2";
/** XEP-0384 version 0.3. */
export const legacyNamespace = "eu.siacs.conversations.axolotl";
/** XEP-0420 Stanza Content Encryption. */
export const sceNamespace = "urn:xmpp:sce:1";
/** XEP-0059 Result Set Management. */
export const resultSetNamespace = "http://jabber.org/protocol/rsm";
/** XEP-0184 Message Delivery Receipts. */
export const receiptsNamespace = "urn:xmpp:receipts";
/** XEP-0280 Message Carbons. */
export const carbonsNamespace = "urn:xmpp:carbons:2";
/** XEP-0297 Stanza Forwarding. */
export const forwardNamespace = "urn:xmpp:forward:0";
/** XEP-0313 Message Archive Management. */
export const archiveNamespace = "urn:xmpp:mam:2";
/** XEP-0333 Displayed Markers. */
export const markersNamespace = "urn:xmpp:chat-markers:0";
/** XEP-0490 Message Displayed Synchronization: namespace and name of the node. */
export const readPositionsNamespace = "urn:xmpp:mds:displayed:0";
/** XEP-0319 Last User Interaction in Presence. */
export const idleNamespace = "urn:xmpp:idle:1";
/** XEP-0172 User Nickname: namespace and name of the node. */
export const nickNamespace = "http://jabber.org/protocol/nick";
/** XEP-0107 User Mood: namespace and name of the node. */
export const moodNamespace = "http://jabber.org/protocol/mood";
/** XEP-0108 User Activity: namespace and name of the node. */
export const activityNamespace = "http://jabber.org/protocol/activity";
/** XEP-0118 User Tune: namespace and name of the node. */
export const tuneNamespace = "http://jabber.org/protocol/tune";
/** XEP-0080 User Location: namespace and name of the node. */
export const locationNamespace = "http://jabber.org/protocol/geoloc";
/** XEP-0084 User Avatar: namespaces and names of the two nodes. */
export const avatarMetadataNamespace = "urn:xmpp:avatar:metadata";
export const avatarDataNamespace = "urn:xmpp:avatar:data";
/** XEP-0016 Privacy Lists. */
export const privacyNamespace = "jabber:iq:privacy";
/** XEP-0191 Blocking Command. */
export const blockingNamespace = "urn:xmpp:blocking";
/** XEP-0377 Spam Reporting: the report, and the feature of servers that take it with a block. */
export const reportingNamespace = "urn:xmpp:reporting:1";
/** XEP-0030: what belongs to an entity. */
export const discoItemsNamespace = "http://jabber.org/protocol/disco#items";
/** XEP-0077 In-Band Registration. */
export const registrationNamespace = "jabber:iq:register";
/** XEP-0066 Out of Band Data: an address inside another element. */
export const outOfBandNamespace = "jabber:x:oob";
/** XEP-0100 Gateway Interaction: how to write the address of a contact. */
export const gatewayNamespace = "jabber:iq:gateway";
/** RFC 6121 section 2: the roster. */
export const rosterNamespace = "jabber:iq:roster";
/** RFC 6121 section 2.6: the server tells only what has changed since a version. */
export const rosterVersioningNamespace = "urn:xmpp:features:rosterver";
/** RFC 6121 section 3.4: the server takes approvals ahead of the request. */
export const preApprovalNamespace = "urn:xmpp:features:pre-approval";
/** XEP-0144 Roster Item Exchange. */
export const rosterExchangeNamespace = "http://jabber.org/protocol/rosterx";
/** XEP-0199 XMPP Ping. */
export const pingNamespace = "urn:xmpp:ping";
/** XEP-0012 Last Activity. */
export const lastActivityNamespace = "jabber:iq:last";
/** XEP-0050 Ad-Hoc Commands. */
export const commandsNamespace = "http://jabber.org/protocol/commands";
/** XEP-0092 Software Version. */
export const versionNamespace = "jabber:iq:version";
/** XEP-0202 Entity Time. */
export const entityTimeNamespace = "urn:xmpp:time";
